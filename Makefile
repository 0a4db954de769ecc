# make figures: everything, from raw data to the report. make test: lint and tests. ARGS are passed on to Snakemake,
# pytest or the benchmarks.
.PHONY: figures test lint smoke audit flaky mutate bench new-paper lock clean
.DEFAULT_GOAL := figures
ARGS ?=
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONNOUSERSITE=1

figures: .venv/.installed-run
	@$(IN_VENV) python -m raw2fig.stages $(ARGS)

smoke: .venv/.installed-run
	@$(IN_VENV) python -m raw2fig.stages --configfile config/smoke.yaml $(ARGS)

test: lint
	@$(IN_VENV) python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder $(ARGS)

lint: .venv/.installed-dev
	@$(IN_VENV) ruff check workflow tests benchmarks
	@$(IN_VENV) ruff format --check workflow tests benchmarks
	@$(IN_VENV) snakefmt --check Snakefile rules
	@$(IN_VENV) sh tests/lint_workflow.sh
	@$(IN_VENV) mypy

# A second run of papers over other replicates, and the verdicts that differ: make audit PAPER="hero c2s". ARGS="--scale
# overnight" is for first runs of that scale, ARGS=--processor for another processor in place of other replicates.
audit: .venv/.installed-run
	@$(IN_VENV) python -m raw2fig.audit $(PAPER) $(ARGS)

# How often each test that trains a model fails with other threads, processor instructions, first weights and seeds:
# 8 rounds, at most 60 minutes (ARGS="--rounds 20 --minutes 120 tests/rl").
flaky: .venv/.installed-dev
	@$(IN_VENV) nice python tests/flaky.py $(ARGS)

# Whether the tests of a paper notice lines that are changed: make mutate PAPER=hero
mutate: .venv/.installed-dev
	@$(IN_VENV) python tests/mutate.py "$(PAPER)" $(ARGS)

bench: .venv/.installed-dev
	@for file in benchmarks/*.py; do $(IN_VENV) python $$file $(ARGS) || exit 1; done

# make new-paper KEY=my_paper TITLE="...": an eleventh paper that runs (docs/add-a-paper.md)
new-paper: .venv/.installed-run
	@$(IN_VENV) python -m raw2fig.new_paper "$$KEY" "$$TITLE"

# Pin every dependency anew, with all extras first, so that what `make figures` installs fits them. torch's local version
# (+cpu) is left out, so that each machine takes its own build.
lock: .venv/.installed-dev
	@$(IN_VENV) pip-compile --quiet --strip-extras --allow-unsafe --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --upgrade --extra dev --extra endpoint -o envs/requirements-dev.txt pyproject.toml
	@$(IN_VENV) pip-compile --quiet --strip-extras --allow-unsafe --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links -c envs/requirements-dev.txt --upgrade -o envs/requirements.txt pyproject.toml
	@sed -i 's/^torch==\([0-9.]*\)+.*/torch==\1/' envs/requirements.txt envs/requirements-dev.txt

clean:
	rm -rf .snakemake build results

.venv/.installed-run: envs/requirements.txt pyproject.toml
	@sh envs/setup.sh run

.venv/.installed-dev: envs/requirements-dev.txt pyproject.toml
	@sh envs/setup.sh dev
