"""From questions to routers that are compared, on a tiny model: what a model answers, the luck null, the knob."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from clone import ROOT, clone, plan
from tiny_decoders import tiny_decoder

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.dr_llm.ablations import Ablations, ablate, arms
from raw2fig.papers.dr_llm.answering import Answering, answered, ask, left_padded, lengths
from raw2fig.papers.dr_llm.evaluation import BASE, OTHERS, RANDOM, ROUTER, Comparison, choose, evaluate, within_tasks
from raw2fig.papers.dr_llm.figures_ablations import fig_ablations
from raw2fig.papers.dr_llm.figures_costs import fig_pretrained_throughput
from raw2fig.papers.dr_llm.fit import Training
from raw2fig.papers.dr_llm.items import Items, make_items
from raw2fig.papers.dr_llm.labels import Labelling
from raw2fig.papers.dr_llm.losses import Loss
from raw2fig.papers.dr_llm.records import Question, read_searched
from raw2fig.papers.dr_llm.search import Search
from raw2fig.papers.dr_llm.search import search as search_paths
from raw2fig.papers.dr_llm.searching import by_chance, evaluator, search
from raw2fig.papers.dr_llm.throughput import Throughput, throughput
from raw2fig.papers.dr_llm.training import Reading, features, read_features, train
from raw2fig.papers.dr_llm.tree import Selection
from raw2fig.papers.dr_llm.world import vocabulary

ANSWERING = Answering(new_tokens=1, grading="text", chat=False, at_once=7)
SEARCH = Search(
    simulations=5,
    early_stop="alg1",
    least_probability=0.0,
    selection=Selection(tree_policy="widen", exploration=1.8, length_penalty=3.0, random_share=0.1),
)
LABELLING = Labelling(rule="shortest", slack=1, rounds=2, keep_fixed="all", near_edits=2, sampled={}, fixed_share=0.3)
TRAINING = Training(
    hidden=8,
    linear_layers=2,
    epochs=2,
    batch=8,
    held_out=0.3,
    loss=Loss(kind="focal", gamma=2.0, beta=0.999),
    optimiser=Optimiser(lr=0.01, warmup=0.1, beta2=0.999, weight_decay=0.0),
)
COMPARISON = Comparison(knobs=[-0.5, -0.2, 0.0], tolerance=0.0, pruned=[1])
READING = Reading(windows=3, window_mode="floor")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny untrained Llama that knows the words of the world, as a folder."""
    from raw2fig.lm.models import Size, build_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    torch.manual_seed(0)
    words = word_tokenizer(vocabulary())
    folder = tmp_path_factory.mktemp("model") / "model"
    network = build_llama(Size(16, 4, 2), words, 64, 0)
    with torch.no_grad():
        network.get_output_embeddings().weight.mul_(20)
    save(network, words, folder)
    return folder


@pytest.fixture(scope="module")
def loaded(model: Path) -> Any:
    from raw2fig.lm.models import load

    network, words = load(str(model))
    return network.eval(), words


def questions(number: int, seed: int = 0) -> list[Question]:
    from raw2fig.papers.dr_llm.world import TASKS, draw_item

    rng = np.random.default_rng(seed)
    items = [(task, draw_item(task, rng)) for task in TASKS for _ in range(number)]
    return [Question(f"q{place}", task, one.prompt, one.answer) for place, (task, one) in enumerate(items)]


def test_answers_do_not_depend_on_the_batch(loaded: Any) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, words = loaded
    asked = ask(words, questions(3), ANSWERING)
    places = np.arange(len(asked.prompts))
    rng = np.random.default_rng(0)
    routes = rng.integers(0, 3, size=(len(places), 4))
    with RoutedModel(network) as routed:
        together, taken = answered(routed, words, asked, places, routes, ANSWERING)
        alone = [
            answered(routed, words, asked, places[row : row + 1], routes[row : row + 1], ANSWERING)[0][0]
            for row in range(len(places))
        ]
    assert (taken == routes).all()
    assert [one.answer for one in together] == [one.answer for one in alone]
    assert [one.probability for one in together] == pytest.approx([one.probability for one in alone], abs=1e-5)


def test_an_answer_is_the_models_most_likely_word_with_its_probability(loaded: Any) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, words = loaded
    some = questions(2)
    asked = ask(words, some, ANSWERING)
    whole = np.ones((len(some), 4), dtype=int)
    with RoutedModel(network) as routed:
        found, _ = answered(routed, words, asked, np.arange(len(some)), whole, ANSWERING)
    for question, outcome in zip(some, found, strict=True):
        ids = torch.tensor([words(question.prompt)["input_ids"]])
        with torch.no_grad():
            shares = network(ids).logits[0, -1].softmax(-1)
        assert outcome.answer == words.convert_ids_to_tokens(int(shares.argmax()))
        assert outcome.right == (outcome.answer == question.answer)
        assert outcome.probability == pytest.approx(float(shares[words.get_vocab()[question.answer]]), abs=1e-5)


def test_texts_are_compared_without_marks_and_capitals(loaded: Any) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, words = loaded
    settings = ANSWERING.model_copy(update={"new_tokens": 3})
    some = questions(1)
    with RoutedModel(network) as routed:
        whole = np.ones((len(some), 4), dtype=int)
        found, _ = answered(routed, words, ask(words, some, settings), np.arange(len(some)), whole, settings)
        said = [one._replace(answer=f" {outcome.answer.upper()}.") for one, outcome in zip(some, found, strict=True)]
        again, _ = answered(routed, words, ask(words, said, settings), np.arange(len(some)), whole, settings)
    assert all(one.right and one.probability == 1 for one in again)
    assert not all(one.right for one in found)


def test_answers_that_begin_alike_need_more_tokens(loaded: Any) -> None:
    _, words = loaded
    some = [Question("a", "x", "1 =", "1 2"), Question("b", "x", "2 =", "1 3")]
    with pytest.raises(InputError, match="begin with the same token"):
        ask(words, some, ANSWERING)
    assert len(ask(words, some, ANSWERING.model_copy(update={"new_tokens": 2})).prompts) == 2


def test_prompts_are_padded_on_the_left_and_whole_batches_need_no_mask() -> None:
    model = tiny_decoder("llama")
    ids, mask = left_padded([[1, 2, 3], [4]], 9, model)
    assert ids.tolist() == [[1, 2, 3], [9, 9, 4]]
    assert mask is not None
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert left_padded([[1, 2], [3, 4]], 9, model)[1] is None


@pytest.fixture(scope="module")
def made(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole chain on that model."""
    place = tmp_path_factory.mktemp("made")
    make_items(table=place / "items.parquet", items=Items(search=5, validation=4, test=6), replicate=0)
    search(
        model=model,
        items=place / "items.parquet",
        found=place / "found.parquet",
        luck=place / "luck.csv",
        answering=ANSWERING,
        search=SEARCH,
        seed=0,
    )
    features(
        model=model,
        found=place / "found.parquet",
        features=place / "features.safetensors",
        log=place / "features.json",
        answering=ANSWERING,
        labelling=LABELLING,
        reading=READING,
    )
    train(
        model=model,
        features=place / "features.safetensors",
        adapter=place / "routers",
        log=place / "training.csv",
        training=TRAINING,
        seed=0,
    )
    evaluate(
        model=model,
        items=place / "items.parquet",
        adapter=place / "routers",
        table=place / "runs.csv",
        uses=place / "uses.csv",
        answering=ANSWERING,
        comparison=COMPARISON,
        seed=0,
    )
    return place


@pytest.mark.training
def test_what_counts_as_right_is_what_the_model_answers_on_that_path(made: Path, loaded: Any) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, words = loaded
    rows = read_searched(made / "found.parquet")
    luck = pd.read_csv(made / "luck.csv")
    assert luck["questions"].sum() == len(rows)
    assert luck["right"].sum() == sum(row.default_good for row in rows)
    assert sum(row.fixed for row in rows) > 0
    with RoutedModel(network) as routed:
        for row in rows:
            for path in row.good:
                with routed.fixed_route(list(path)), torch.no_grad():
                    logits = network(torch.tensor([words(row.question.prompt)["input_ids"]])).logits[0, -1]
                assert words.convert_ids_to_tokens(int(logits.argmax())) == row.question.answer


@pytest.mark.training
def test_features_are_of_the_questions_that_have_labels(made: Path) -> None:
    stored, windows, mode = read_features(made / "features.safetensors")
    rows = [row for row in read_searched(made / "found.parquet") if row.good]
    assert len(stored.labels) == len(stored.states) == len(rows)
    assert (windows, mode) == (3, "floor")
    assert stored.states.shape[1:] == (4, 3, 16)
    with pytest.raises(InputError, match="holds no features"):
        read_features(made / "luck.csv")


@pytest.mark.training
def test_every_way_is_compared_on_the_same_questions(made: Path) -> None:
    table = pd.read_csv(made / "runs.csv")
    test = table[table["part"] == "test"]
    counts = test.groupby(["way", "knob"])["n"].sum()
    assert len(set(counts)) == 1
    base, zero = (test[(test["way"] == way) & (test["knob"] == 0)] for way in (BASE, ROUTER))
    assert base["right"].tolist() == zero["right"].tolist()  # at knob 0 the routers are the model
    assert (zero["layers"] == 4).all()
    assert (test["applications"] == test["layers"]).all()  # one new token, one forward pass
    chosen = test[test["chosen"]]
    assert set(chosen["way"]) == {ROUTER, RANDOM, OTHERS}
    sums = chosen.groupby("way")[["layers", "skips", "repeats"]].sum()
    assert np.allclose(sums.loc[RANDOM], sums.loc[ROUTER])
    assert np.allclose(sums.loc[OTHERS], sums.loc[ROUTER])
    uses = pd.read_csv(made / "uses.csv").groupby("task")["uses"].sum()
    routers = chosen[chosen["way"] == ROUTER].set_index("task")["layers"]
    assert np.allclose(uses.loc[routers.index], routers)
    change = test["gained"] - test["lost"]
    before = test["task"].map(base.set_index("task")["right"])
    assert (test["right"] - before).tolist() == change.tolist()


def test_an_answer_is_as_long_as_the_tokens_up_to_its_first_end() -> None:
    new = torch.tensor([[5, 2, 2, 2], [5, 6, 7, 8], [3, 5, 2, 0], [5, 6, 3, 0]])
    assert lengths(new, [2, 3]) == [2, 4, 1, 3]
    assert lengths(new, []) == [4] * 4


ABLATIONS = Ablations(
    widths=[8, 4],
    maps=[2],
    window_numbers=[1],
    losses=["plain"],
    states=["forced", "base", "first"],
    knobs=[-0.5],
    questions=6,
)


def test_one_setting_is_changed_at_a_time() -> None:
    found = list(arms(ABLATIONS, TRAINING, READING))
    assert [(one.factor, one.value) for one in found] == [
        ("hidden", "8"),
        ("hidden", "4"),
        ("linear_layers", "2"),
        ("windows", "1"),
        ("loss", "plain"),
        ("states", "forced"),
        ("states", "base"),
        ("states", "first"),
    ]
    as_it_is = (TRAINING, READING, "forced")
    assert [one[2:] == as_it_is for one in found] == [True, False, True, False, False, True, False, False]
    for one in found:
        differing = [
            *(name for name in Training.model_fields if getattr(one.training, name) != getattr(TRAINING, name)),
            *(name for name in Reading.model_fields if getattr(one.reading, name) != getattr(READING, name)),
            *(["states"] if one.states != "forced" else []),
        ]
        assert differing in ([], [one.factor])


@pytest.mark.training
def test_without_a_change_the_ablation_has_the_routers_of_the_run(made: Path, model: Path, tmp_path: Path) -> None:
    ablate(
        model=model,
        items=made / "items.parquet",
        found=made / "found.parquet",
        table=tmp_path / "ablations.csv",
        answering=ANSWERING,
        labelling=LABELLING,
        reading=READING,
        training=TRAINING,
        ablations=ABLATIONS,
        seed=0,
    )
    table = pd.read_csv(tmp_path / "ablations.csv")
    as_it_is = table[table["factor"].isin(["hidden", "states"]) & table["value"].isin(["8", "forced"])]
    searched = {row.question.task for row in read_searched(made / "found.parquet")}
    runs = pd.read_csv(made / "runs.csv")
    routers = runs[
        (runs["part"] == "test") & (runs["way"] == ROUTER) & (runs["knob"] == -0.5) & runs["task"].isin(searched)
    ]
    scores = pd.read_csv(made / "training.csv").iloc[-1]
    assert len(as_it_is) == 2
    for _, row in as_it_is.iterrows():
        assert (row["n"], row["right"]) == (routers["n"].sum(), routers["right"].sum())
        assert row["right"] - row["base"] == (routers["gained"] - routers["lost"]).sum()
        assert row["layers"] == pytest.approx(np.average(routers["layers"], weights=routers["n"]))
        assert row["macro_f1"] == pytest.approx(scores["macro_f1"])
    drawn = table.assign(replicate=0, model="mini", variant="sure")
    drawn[["replicate", "model", "variant", *table.columns]].to_csv(tmp_path / "all.csv", index=False)
    assert len(fig_ablations(ablations=tmp_path / "all.csv").plotted) == len(table)


@pytest.mark.training
def test_throughput_is_of_the_routers_at_the_chosen_knob(made: Path, model: Path, tmp_path: Path) -> None:
    throughput(
        model=model,
        adapter=made / "routers",
        items=made / "items.parquet",
        runs=made / "runs.csv",
        table=tmp_path / "throughput.csv",
        answering=ANSWERING,
        throughput=Throughput(batches=[1, 60], tokens=3, rounds=2),
        seed=0,
    )
    table = pd.read_csv(tmp_path / "throughput.csv")
    assert table["batch"].tolist() == [1, 60]
    assert (table["lowest"] <= table["ratio"]).all()
    assert (table["ratio"] <= table["highest"]).all()
    runs = pd.read_csv(made / "runs.csv")
    routers = runs[(runs["part"] == "test") & (runs["way"] == ROUTER) & runs["chosen"]]
    # sixty prompts are all test questions: ten tasks of six
    assert routers["n"].sum() == 60
    assert table["layers"].iloc[1] == pytest.approx(np.average(routers["layers"], weights=routers["n"]))
    drawn = table.assign(replicate=0, model="m", variant="own")
    drawn.to_csv(tmp_path / "all.csv", index=False)
    published = ROOT / "config/dr_llm/throughput.csv"
    assert len(fig_pretrained_throughput(throughput=tmp_path / "all.csv", published=published).plotted) == 2


def test_no_decoy_is_what_the_model_says_however_its_answer_begins(loaded: Any) -> None:
    """Answers go on after a space, which is no part of the token here."""
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, words = loaded
    prompts = [one.prompt for one in questions(1)]
    with RoutedModel(network) as routed:
        some = [Question(f"{place}", "x", prompt, "0") for place, prompt in enumerate(prompts)]
        whole = np.ones((len(some), 4), dtype=int)
        found, _ = answered(routed, words, ask(words, some, ANSWERING), np.arange(len(some)), whole, ANSWERING)
        said = [one.answer for one in found]
        other = next(word for word in ("0", "1", "2", "3") if word not in said)
        # the first is wrong by default, and another question has what it says as its answer
        mine = [some[0]._replace(answer=f" {other}"), some[1]._replace(answer=f" {said[0]}")]
        mine.append(some[2]._replace(answer=" +1"))
        asked = ask(words, mine, ANSWERING)
        results = search_paths([one.qid for one in mine], 4, evaluator(routed, words, asked, ANSWERING), SEARCH, 0)
        for seed in range(6):
            assert not by_chance(routed, words, mine, asked, results, ANSWERING, SEARCH, seed)[0].default_good


def test_the_knob_saves_most_among_those_that_lose_no_more_than_the_tolerance() -> None:
    tried = {-0.5: (0.80, 6.0), -0.3: (0.89, 8.0), -0.2: (0.90, 9.0), 0.0: (0.90, 10.0)}
    assert choose(tried, 0.89) == -0.3
    assert choose(tried, 0.895) == -0.2
    assert choose(tried, 0.0) == -0.5
    assert choose(tried, 0.95) == -0.2  # none fits: the most accurate, and of those the shallowest


def test_others_routes_stay_within_the_task() -> None:
    some = [Question(str(place), f"t{place % 3}", "", "") for place in range(30)]
    routes = np.array([[place % 3, place] for place in range(30)])
    found = within_tasks(some, routes, np.random.default_rng(0))
    assert (found[:, 0] == routes[:, 0]).all()
    assert (found[:, 1] != routes[:, 1]).all()
    assert sorted(found[:, 1]) == sorted(routes[:, 1])
    assert (within_tasks(some[:1], routes[:1], np.random.default_rng(0)) == routes[:1]).all()


def test_check_21_the_evaluation_reads_no_search(tmp_path: Path) -> None:
    jobs = plan(clone(tmp_path / "clone"), "dr_llm")
    found = {path for job in jobs for path in job.output if path.endswith("found.parquet")}
    evaluations = [job for job in jobs if job.rule == "dr_llm_evaluate"]
    assert found
    assert evaluations
    for job in evaluations:
        assert not found & set(job.input)
        assert {Path(path).name for path in job.input} == {"base", "items.parquet", "routers"}
