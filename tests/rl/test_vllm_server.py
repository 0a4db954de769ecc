"""vLLM beside GRPO: TRL's own arguments, and a server (a stand-in here) that lives as long as the training."""

import json
import os
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest
from recipes import recipe

from raw2fig.errors import InputError
from raw2fig.rl.trainer import grpo
from raw2fig.rl.vllm_server import Vllm, spare_gpus, vllm_generation

MAIN = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

words = sys.argv[1:]
with open({record!r}, "w") as file:
    json.dump({{"words": words, "environment": dict(os.environ), "pid": os.getpid()}}, file)
if {fails}:
    sys.exit(3)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()


HTTPServer(("127.0.0.1", int(words[words.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `vllm` whose server only says that it is there; returns the file that its arguments go to."""
    package = tmp_path / "packages/vllm/entrypoints/cli"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parents[1]):
        (folder / "__init__.py").touch()
    (package / "main.py").write_text(MAIN.format(record=str(tmp_path / "record.json"), fails=False))
    info = tmp_path / "packages/vllm-0.26.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.26.0\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "packages"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("MASTER_ADDR", "elsewhere")
    return tmp_path / "record.json"


def test_no_mode_and_colocate_need_no_server() -> None:
    with vllm_generation(None, Path("model")) as nothing:
        assert nothing == {}
    with vllm_generation("colocate", Path("model")) as arguments:
        assert arguments == {"use_vllm": True, "vllm_mode": "colocate"}


class Built(Exception):
    """Ends a run when TRL's trainer is built."""


@pytest.mark.parametrize("mode", [None, "colocate", "server"])
def test_what_trl_is_given(
    stand_in: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Vllm | None
) -> None:
    """The arguments of the pinned TRL, which itself cannot go further without a GPU."""
    import trl

    def build(self: object, *, args: trl.GRPOConfig, rollout_func: object, **_: object) -> None:
        assert (args.use_vllm, args.vllm_mode) == (mode is not None, mode or "colocate")
        assert (rollout_func is None) == (mode is not None)
        assert args.beta == 0.005
        assert (args.num_generations, args.per_device_train_batch_size) == (32, 8)
        assert not args.vllm_importance_sampling_correction
        if mode == "server":
            assert urlopen(str(args.vllm_server_base_url) + "/health").status == 200
        else:
            assert args.vllm_server_base_url is None
        raise Built

    monkeypatch.setattr(trl.GRPOTrainer, "__init__", build)
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"):
        monkeypatch.delenv(name)
    settings = recipe(prompts=1, generations=32, accumulate=4, beta=0.005, vllm=mode)
    with pytest.raises(Built):
        grpo(base, ["cell:"], lambda *_: [], settings, tmp_path / "model", 0, ["G1"])
    assert stand_in.exists() == (mode == "server")


def test_a_server_on_the_gpus_that_are_left(stand_in: Path) -> None:
    with vllm_generation("server", Path("some/model")) as arguments:
        told = json.loads(stand_in.read_text())
        words, environment = told["words"], told["environment"]
        assert urlopen(arguments["vllm_server_base_url"] + "/health").status == 200
        assert words[:2] == ["serve", "some/model"]
        flags = dict(zip(words[2::2], words[3::2], strict=False))
        assert flags["--dtype"] == "bfloat16"
        assert flags["--tensor-parallel-size"] == "1"
        assert flags["--logprobs-mode"] == "processed_logprobs"
        assert arguments["vllm_server_base_url"].endswith(f":{flags['--port']}")
        assert "--trust-remote-code" not in words
        assert environment["CUDA_VISIBLE_DEVICES"] == "7"
        assert environment["VLLM_SERVER_DEV_MODE"] == "1"
        assert not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} & set(environment)
    with pytest.raises(ProcessLookupError):
        os.kill(told["pid"], 0)


def test_it_ends_with_a_training_that_fails(stand_in: Path) -> None:
    with pytest.raises(KeyError), vllm_generation("server", Path("model")):
        raise KeyError
    with pytest.raises(ProcessLookupError):
        os.kill(json.loads(stand_in.read_text())["pid"], signal.SIGCONT)


def test_other_processes_start_none(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with vllm_generation("server", Path("model")) as arguments:
        assert arguments == {"use_vllm": True, "vllm_mode": "server"}
    assert not stand_in.exists()


def test_a_server_that_does_not_start_is_told(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = stand_in.with_name("packages") / "vllm/entrypoints/cli/main.py"
    main.write_text(MAIN.format(record=str(stand_in), fails=True))
    with pytest.raises(InputError, match="ended with status 3"), vllm_generation("server", Path("model")):
        pass


def test_gpus_beyond_one_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert spare_gpus() == ["GPU-b", "GPU-c"]
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="3 GPUs for 3 processes"):
        spare_gpus()
