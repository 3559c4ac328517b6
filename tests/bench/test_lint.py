"""The linter for designs: each doubt with its place and the way out, and silence where all is well."""

# ruff: noqa: E501  (bench files in one line)

from __future__ import annotations

import json

import pytest
from engine_kit import MINI
from typer.testing import CliRunner

import fusion_eval as fe
from fusion_eval.bench.configure import configure
from fusion_eval.bench.lint import CODES, lint
from fusion_eval.cli import app
from fusion_eval.core.model import maker_of
from fusion_eval.errors import BenchFileError
from fusion_eval.loading.bench import presets

HEAD = """\
endpoints: {sim: {simulator: default}}
models:
  sparrow: {endpoint: sim, id: aviary/sparrow, temperature: 0.7, max_tokens: 4096}
  osprey:  {endpoint: sim, id: aviary/osprey, temperature: 0.7, max_tokens: 4096}
  heron:   {endpoint: sim, id: wader/heron, temperature: 0.7, max_tokens: 4096}
  kestrel: {endpoint: sim, id: raptor/kestrel, temperature: 0.7, max_tokens: 4096}
  owl:     {endpoint: sim, id: strix/owl}
"""
LINES = len(HEAD.splitlines())
GOOD = """\
recipes:
  a: {strategy: solo, member: sparrow}
  b: {strategy: solo, member: heron}
  p: {strategy: panel, members: [sparrow, heron], judge: kestrel, synthesizer: heron}
grader: {model: owl}
repeats: 2
"""


@pytest.fixture
def codes(write):
    """`codes(text)`: code and line below HEAD of every warning."""

    def found(text):
        warned = lint(configure(write("bench.yaml", HEAD + text)))
        return [(w.code, int(w.where.rpartition(":")[2]) - LINES) for w in warned]

    return found


def test_a_good_design_is_met_with_silence(codes):
    """Who is warned of everything reads nothing."""
    assert codes(GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("grader: {model: owl}", "grader: {model: heron}", ("grader-on-panel", 5)),
        ("grader: {model: owl}", "grader: {model: osprey}", ("grader-kin", 5)),
        ("judge: kestrel", "judge: heron", ("judge-on-panel", 4)),
        ("judge: kestrel", "judge: osprey", ("judge-kin", 4)),
        (
            "members: [sparrow, heron]",
            "members: [sparrow, {model: heron, temperature: 1.0}]",
            ("unequal-sampling", 5 - LINES),
        ),
        (
            "members: [sparrow, heron]",
            "members: [sparrow, {model: heron, max_tokens: 2000}]",
            ("unequal-sampling", 5 - LINES),
        ),
        (
            "members: [sparrow, heron], judge: kestrel",
            "members: [heron, heron]",
            ("panel-of-one", 4),
        ),
        ("  b: {strategy: solo, member: heron}\n", "", ("weak-baseline", 3)),
        ("repeats: 2", "repeats: 1", ("single-draw", 6)),
    ],
)
def test_each_doubt_is_said_once_with_its_line(codes, before, after, said):
    """These are the faults that the published benchmarks of fusion have."""
    assert before in GOOD
    assert codes(GOOD.replace(before, after)) == [said]


def test_unequal_tools_and_caps_below_the_answers_are_said(codes, write):
    """openfusion's +24.9 points: a solo cut off at 2,048 tokens, and tools on one side."""
    tools = HEAD.replace("id: wader/heron,", "id: wader/heron, extra_body: {tools: []},")
    assert [w.code for w in lint(configure(write("t.yaml", tools + GOOD)))] == ["unequal-tools"]
    cut = HEAD.replace(
        "id: wader/heron, temperature: 0.7, max_tokens: 4096",
        "id: wader/heron, temperature: 0.7, max_tokens: 200",
    )
    (warned,) = lint(configure(write("c.yaml", cut + GOOD)))
    assert warned.code == "short-cap"
    assert "200" in warned.text


def test_a_self_fusion_is_no_panel_of_one_and_judges_itself_freely(codes):
    """Warned of what it is by its very name, a user learns to ignore the linter."""
    more = "  s: {strategy: self_fusion, member: heron, n: 3, judge: heron}\n"
    assert codes(GOOD.replace("grader:", more + "grader:")) == []


def test_controls_are_not_themselves_in_doubt(codes):
    """One line that brings fifteen warnings would never be written twice."""
    assert codes(GOOD + "controls: standard\n") == []


def test_an_accepted_warning_keeps_its_reason_and_an_unknown_one_is_refused(write):
    """A reason without a warning, or a warning without a reason, both hide something."""
    text = HEAD + GOOD.replace("judge: kestrel", "judge: heron")
    (warned,) = lint(configure(write("b.yaml", text + "justified: {judge-on-panel: as shipped}\n")))
    assert warned.reason == "as shipped"
    assert "(accepted: as shipped)" in str(warned)
    with pytest.raises(BenchFileError, match="did you mean 'judge-on-panel'"):
        configure(write("c.yaml", text + "justified: {judge-in-panel: as shipped}\n"))


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_is_clean_or_says_why_not(name):
    """A linter that its own examples fail is decoration."""
    assert [str(w) for w in lint(configure(name)) if w.reason is None] == []


def test_strict_turns_doubts_into_errors_and_otherwise_they_only_stand_there(write, tmp_path):
    """A CI that wants clean designs needs an exit code; a first try does not."""
    path = str(write("bench.yaml", HEAD + GOOD.replace("judge: kestrel", "judge: heron")))
    run = CliRunner().invoke
    assert run(app, ["validate", path]).exit_code == 0
    strict = run(app, ["validate", path, "--strict"])
    assert strict.exit_code == 2
    assert f"bench.yaml:{LINES + 4}: judge-on-panel" in strict.output
    for more, code in (([], 0), (["--strict"], 2)):
        done = run(app, ["plan", str(MINI), "--bench", path, "-o", str(tmp_path), *more])
        assert done.exit_code == code
        assert "judge-on-panel" in done.output
    found = json.loads(run(app, ["validate", path, "--json"]).stdout)
    assert found["files"][0]["warnings"][0]["code"] == "judge-on-panel"


def test_doubts_stand_in_the_manifest(write, tmp_path):
    """Read a year later, the numbers would stand there without what made them doubtful."""
    path = write("bench.yaml", HEAD + GOOD.replace("judge: kestrel", "judge: heron"))
    done = fe.run(MINI, path, limit=1, output_dir=tmp_path / "r")
    assert [w["code"] for w in done.manifest["warnings"]] == ["judge-on-panel"]


def test_every_code_is_explained():
    """A code that nobody can look up is noise."""
    assert all(CODES.values())


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("google/gemini-3", "google/gemma", True),
        ("~wader/owl", "wader/heron", True),
        ("Wader/owl", "wader/heron", True),
        ("claude-4", "claude-5-mini", True),
        ("gpt4.1", "gpt-5", True),
        ("gpt-5", "claude-4", False),
        ("wader/heron", "raptor/heron", False),
    ],
)
def test_one_rule_says_whether_two_models_are_of_one_maker(one, other, alike):
    """`validate` warned of two kin that the report of the same run called strangers."""
    assert (maker_of(one) == maker_of(other)) is alike
