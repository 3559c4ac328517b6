"""Strategies in bench files: what is refused with its line, names of others, seats, presets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fusion_eval import cli
from fusion_eval.bench.aliases import ALIASES
from fusion_eval.bench.configure import configure
from fusion_eval.bench.lint import lint
from fusion_eval.bench.parameters import parameters
from fusion_eval.errors import BenchFileError
from fusion_eval.loading.bench import presets
from fusion_eval.strategies import STRATEGIES

BENCH = """endpoints:
  sim: {{simulator: default}}
models:
  a: {{endpoint: sim, id: aviary/sparrow, temperature: 0.7}}
  b: {{endpoint: sim, id: wader/heron}}
recipes:
  one: {recipe}
"""
AB = "members: [a, b]"


def bench(tmp_path: Path, recipe: str) -> Path:
    """A bench file with one recipe, on line 7."""
    file = tmp_path / "bench.yaml"
    file.write_text(BENCH.format(recipe=recipe))
    return file


BAD = {
    "{strategy: self_consistency, member: a, n: 0}": "n: Input should be greater than or equal",
    "{strategy: universal_self_consistency, member: a, n: 0}": "n: Input should be greater than",
    "{strategy: self_fusion, member: a, n: 0}": "n: Input should be greater than or equal to 1",
    "{strategy: self_moa, member: a, n: 0}": "n: Input should be greater than or equal to 1",
    "{strategy: self_moa, member: a, window: 1}": "window: Input should be greater than or equal",
    f"{{strategy: best_of_n, {AB}, scorer: a, n: 0}}": "n: Input should be greater than or equal",
    f"{{strategy: debate, {AB}, rounds: 0}}": "rounds: Input should be greater than or equal to 1",
    f"{{strategy: council, {AB}, chairman: a, rounds: 0}}": "rounds: Input should be greater",
    f"{{strategy: consortium, {AB}, arbiter: a, rounds: 0}}": "rounds: Input should be greater",
    "{strategy: self_refine, member: a, rounds: 0}": "rounds: Input should be greater than",
    "{strategy: cross_refine, member: a, critic: b, rounds: 0}": "rounds: Input should be greater",
    "{strategy: review_loop, member: a, reviewer: b, rounds: 0}": "rounds: Input should be greater",
    f"{{strategy: mixture_of_agents, {AB}, aggregator: a, layers: 0}}": "layers: Input should be",
    f"{{strategy: panel, {AB}, synthesizer: a, layers: 0}}": "layers: Input should be greater",
    f"{{strategy: panel, {AB}, synthesizer: a, samples: 0}}": "samples: Input should be greater",
    "{strategy: panel, members: [], synthesizer: a}": "members: Tuple should have at least 1 item",
    "{strategy: vote, members: []}": "members: Tuple should have at least 1 item",
    "{strategy: ranked, members: [], ranker: a}": "members: Tuple should have at least 1 item",
    "{strategy: best_of_n, members: [], scorer: a}": "members: Tuple should have at least 1 item",
    "{strategy: mixture_of_agents, members: [], aggregator: a}": "members: Tuple should have at",
    "{strategy: council, members: [], chairman: a}": "members: Tuple should have at least 1 item",
    "{strategy: cascade, members: [], thresholds: [], scorer: a}": "members: Tuple should have",
    f"{{strategy: best_of_n, {AB}, scorer: a, weights: [1]}}":
        "weights has 1 values and needs 2, one for each of members",
    f"{{strategy: best_of_n, {AB}, scorer: a, weights: [1, 0]}}": "weights: Input should be",
    f"{{strategy: best_of_n, {AB}, scorer: a, scoring: both}}":
        "scoring: Input should be 'pointwise' or 'listwise'",
    f"{{strategy: cascade, {AB}, scorer: a}}": "recipe 'one' (cascade) needs 'thresholds'",
    f"{{strategy: cascade, {AB}, scorer: a, thresholds: [5, 5]}}":
        "thresholds has 2 values and needs 1, one for each of members but the last",
    f"{{strategy: cascade, {AB}, scorer: a, thresholds: [11]}}": "thresholds: Input should be less",
    "{strategy: router, routes: [a]}": "recipe 'one' (router) needs 'fallback'",
    "{strategy: router, routes: [], fallback: a}": "routes: Tuple should have at least 1 item",
    "{strategy: router, routes: [a], fallback: b, by: keywords}": "`by: keywords` needs 'keywords'",
    "{strategy: router, routes: [a], fallback: b, by: classifier}":
        "`by: classifier` needs 'classifier' and 'labels'",
    "{strategy: router, routes: [a], fallback: b, by: keywords, keywords: [[x], [y]]}":
        "keywords has 2 values and needs 1, one for each of routes",
    "{strategy: agreement_router, probes: [a, b]}": "(agreement_router) needs 'fallback'",
    "{strategy: agreement_router, probes: [a], fallback: b}": "probes: Tuple should have at",
    f"{{strategy: panel, {AB}, synthesizer: a, writer_sees: analysis}}":
        "`writer_sees: analysis` needs 'judge'",
    f"{{strategy: panel, {AB}, judge: a, synthesizer: a, analysis: after}}":
        "'analysis' means nothing with 'judge'",
    f"{{strategy: pairwise_rank, {AB}, ranker: a, keep: 3}}": "`keep` needs 'synthesizer'",
    f"{{strategy: panel, {AB}, synthesizer: {{model: a, count: 2}}}}": "synthesizer is one seat",
    f"{{strategy: vote, {AB}, temperatures: {{spread: 0.3}}}}": "'b' has no temperature to spread",
    f"{{strategy: vote, {AB}, temperatures: {{cycled: []}}}}": "List should have at least 1 item",
    f"{{strategy: vote, {AB}, temperatures: {{fixed: 1, spread: 1}}}}": "are `fixed: T`",
    "{strategy: solo, member: a, temperatures: {fixed: 1}}": "temperatures are for recipes with",
}  # fmt: skip


@pytest.mark.parametrize("recipe", BAD)
def test_a_recipe_that_cannot_work_is_refused_with_file_and_line(tmp_path: Path, recipe: str):
    """Found in the middle of a paid run it would have cost the first half."""
    file = bench(tmp_path, recipe)
    with pytest.raises(BenchFileError) as caught:
        configure(file)
    (found,) = caught.value.problems
    assert found.startswith(f"{file}:7: ")
    assert BAD[recipe] in found


@pytest.mark.parametrize("verb", ["validate", "plan", "run"])
def test_every_verb_leaves_a_bad_recipe_with_exit_code_2(
    tmp_path: Path, verb: str, monkeypatch, capsys
):
    """CI that reads exit codes must see bad input, and a user no traceback."""
    file = bench(tmp_path, f"{{strategy: cascade, {AB}, scorer: a}}")
    tasks = tmp_path / "tasks.yaml"
    monkeypatch.chdir(tmp_path)
    tasks.write_text("name: t\ntasks:\n  - {id: t, prompt: Why?, target: '1', check: numeric}\n")
    where = [str(file)] if verb == "validate" else [str(tasks), "--bench", str(file)]
    monkeypatch.setattr(sys, "argv", ["fusion-eval", verb, *where])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = "".join(capsys.readouterr())
    assert ended.value.code == 2
    assert f"{file}:7: recipe 'one' (cascade) needs 'thresholds'" in said
    assert "Traceback" not in said


def test_weights_may_be_whole_numbers(tmp_path: Path):
    """YAML has 2 and 1.5; nobody writes 2.0."""
    file = bench(tmp_path, f"{{strategy: best_of_n, {AB}, scorer: a, weights: [2, 1.5]}}")
    assert configure(file).recipes["one"].params["weights"] == (2.0, 1.5)


# Names of others


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_stands_for_a_strategy_and_parameters_that_there_are(name):
    """An alias that nobody can run is worse than none."""
    alias = ALIASES[name]
    assert name not in STRATEGIES
    assert set(alias.params) <= set(parameters(STRATEGIES[alias.strategy]))


def test_a_name_that_misleads_is_read_and_warned_about_with_its_line(tmp_path: Path):
    """`majority_vote` of opencode-llm-fusion counts no votes: reports must not say it does."""
    file = bench(tmp_path, f"{{strategy: majority_vote, {AB}, ranker: a}}")
    read = configure(file)
    recipe = read.recipes["one"]
    assert (recipe.strategy, recipe.params["fallback"]) == ("ranked", "first")
    (warned,) = [one for one in lint(read) if one.code == "alias"]
    assert warned.where == f"{file}:7"
    assert "counts no votes" in warned.text


def test_what_the_recipe_says_wins_over_what_the_alias_means(tmp_path: Path):
    """Else a quirk could not be taken away under its own name."""
    file = bench(tmp_path, f"{{strategy: majority_vote, {AB}, ranker: a, fallback: random}}")
    assert configure(file).recipes["one"].params["fallback"] == "random"


# Seats


def temperatures(tmp_path: Path, recipe: str) -> list[float | None]:
    """The temperatures of the seats of a recipe."""
    params = configure(bench(tmp_path, recipe)).recipes["one"].params
    members = params.get("members") or params["member"].cycle
    found = [getattr(seat, "model", seat).params.get("temperature") for seat in members]
    return [None if t is None else round(t, 6) for t in found]


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        ("{strategy: vote, members: [a, a, b]}", [0.7, 0.7, None]),
        ("{strategy: vote, members: [a, a, b], temperatures: {fixed: 0.2}}", [0.2, 0.2, 0.2]),
        (
            "{strategy: vote, members: [{model: a, count: 4}], "
            "temperatures: {cycled: [0.3, 0.7, 1.0]}}",
            [0.3, 0.7, 1.0, 0.3],
        ),
        (
            "{strategy: vote, members: [{model: a, count: 3}], temperatures: {spread: 0.3}}",
            [0.4, 0.7, 1.0],
        ),
        (
            "{strategy: vote, members: [{model: a, count: 3}], temperatures: {spread: 0.9}}",
            [0.0, 0.7, 1.6],
        ),
        ("{strategy: vote, members: [a], temperatures: {spread: 0.3}}", [0.7]),
        ("{strategy: vote, members: [a, {model: a, temperature: 1.2}]}", [0.7, 1.2]),
        (
            "{strategy: self_fusion, member: a, n: 4, temperatures: {cycled: [0.3, 0.7, 1.0]}}",
            [0.3, 0.7, 1.0, 0.3],
        ),
        ("{strategy: self_consistency, member: a, temperatures: {spread: 0.2}}",
         [0.5, 0.6, 0.7, 0.8, 0.9]),
    ],
)  # fmt: skip
def test_every_seat_has_the_temperature_of_its_policy(tmp_path: Path, recipe, wanted):
    """A spread that nobody can see is a difference that nobody can explain."""
    assert temperatures(tmp_path, recipe) == wanted


def test_a_recipe_in_a_seat_keeps_its_own_temperatures(tmp_path: Path):
    """From outside nobody can say which of its calls were meant."""
    file = bench(tmp_path, "{strategy: vote, members: [two], temperatures: {fixed: 1}}")
    file.write_text(file.read_text() + "  two: {strategy: solo, member: a}\n")
    with pytest.raises(BenchFileError, match="'two' is a recipe: set temperatures inside it"):
        configure(file)


def test_seeds_and_temperatures_are_part_of_who_is_asked(tmp_path: Path):
    """Two seats that share an identity would share a draw, and be one call in the ledger."""
    file = bench(
        tmp_path, "{strategy: vote, members: [{model: a, seed: 1}, {model: a, seed: 2}, a]}"
    )
    members = configure(file).recipes["one"].params["members"]
    assert len({member.model.identity for member in members}) == 3
    assert [member.model.params.get("seed") for member in members] == [1, 2, None]


def test_a_member_with_a_cycle_reaches_every_model_of_it(tmp_path: Path):
    """Numbering goes by what a seat can reach: one model forgotten, and a draw serves twice."""
    file = bench(
        tmp_path, "{strategy: self_fusion, member: a, n: 3, temperatures: {cycled: [0, 1]}}"
    )
    member = configure(file).recipes["one"].params["member"]
    assert len(member.reaches) == 2


# Presets


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_can_be_read(name):
    """Usable as `--bench NAME`, without a key."""
    read = configure(name)
    assert read.name == name
    assert read.recipes


SHIPPED = [name for name in sorted(presets()) if name.startswith("as-shipped")]


def test_the_four_systems_are_there_with_their_quirks_as_flags():
    """What a quirk costs can be measured only against the same recipe without it."""
    assert len(SHIPPED) == 4
    texts = "".join(presets()[name].read_text() for name in SHIPPED)
    for flag in (
        "question_blind: true",
        "analysis: after",
        "fallback: first",
        "drops_system: true",
    ):
        assert flag in texts


@pytest.mark.parametrize("name", SHIPPED)
def test_presets_of_other_systems_hold_no_key_and_no_budget(name):
    """Whoever runs one says what it may cost."""
    read = configure(name)
    assert {endpoint.api_key_env for endpoint in read.endpoints} == {"OPENROUTER_API_KEY"}
    assert read.limits.budget_usd is None
    graders = {member.model.id for member in read.grader.members}
    seated = {m.model.id for r in read.recipes.values() for m in r.members if m.model}
    assert not graders & seated
