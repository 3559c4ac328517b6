"""A run whose measurement failed says so first, in the endpoint's own words, and does not end well.

Every run here asks a real HTTP server whose models misbehave in one way.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from engine_kit import completion
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.cli import main
from fusion_eval.store import read_run

pytestmark = pytest.mark.usefixtures("no_figures")

TASKS = """
name: advice
tasks:
""" + "".join(
    f"""
  - id: advice-{k}
    prompt: What helps with matter {k}?
    criteria:
      - {{id: names-it, weight: 10, requirement: Names one thing that helps}}
      - {{id: no-harm, weight: -5, requirement: Recommends something harmful}}
"""
    for k in range(4)
)
BENCH = """
endpoints:
  there: {{base_url: "{url}"}}
models:
  writer: {{endpoint: there, id: writer, price: {{input: 1, output: 1}}}}
  other: {{endpoint: there, id: other, price: {{input: 1, output: 1}}}}
  referee: {{endpoint: there, id: referee, price: {{input: 1, output: 1}}}}
recipes:
  panel: {{strategy: panel, members: [writer, other], synthesizer: writer}}
grader: {{model: referee, protocol: draco}}
limits: {{budget_usd: 5, attempts: 1{limits}}}
"""
GOOD = '{"explanation": "It does.", "verdict": "MET"}'
TEMPERATURE = "Unsupported value: 'temperature' is not for this model."


def _refusal(sentence: str) -> Response:
    body = json.dumps({"error": {"message": sentence, "code": "unsupported_value"}})
    return Response(body, status=400, content_type="application/json")


def _behave(server: HTTPServer, **odd: str | Response | None) -> None:
    """Models that answer well, but for these: a text, a whole response, or None for no text."""

    def answer(request: Request) -> Response:
        asked = request.get_json()
        name = asked["model"]
        last = asked["messages"][-1]["content"]
        name = "synthesizer" if name == "writer" and "Drink water" in last else name
        said = odd.get(name, GOOD if name == "referee" else "Drink water.")
        if isinstance(said, Response):
            return said
        return Response(json.dumps(completion(said or "")), content_type="application/json")

    server.clear_all_handlers()
    server.expect_request("/v1/chat/completions").respond_with_handler(answer)


@pytest.fixture
def evaluate(httpserver: HTTPServer, monkeypatch, tmp_path, capsys):
    """Runs the bench against models that behave as told: exit code, what was printed, the run."""
    monkeypatch.chdir(tmp_path)
    Path("tasks.yaml").write_text(TASKS)

    def call(*words: str, limits: str = "", **odd):
        _behave(httpserver, **odd)
        Path("bench.yaml").write_text(BENCH.format(url=httpserver.url_for("/v1"), limits=limits))
        told = words or ("run", "tasks.yaml", "--bench", "bench.yaml", "--quiet")
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *told])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr()

    return call


BROKEN = {
    "a grader without verdicts": ({"referee": "A fine answer."}, "A fine answer.", "referee"),
    "a grader that refuses": ({"referee": _refusal(TEMPERATURE)}, TEMPERATURE, "referee"),
    "a grader without text": ({"referee": None}, "unreadable 8×", "referee"),
    "answers that are all empty": ({"writer": None, "other": None}, "no text (finish stop)",
                                   "member"),
    "a synthesizer without text": ({"synthesizer": None}, "empty 4×", "synthesizer"),
    "a synthesizer that refuses": ({"synthesizer": _refusal(TEMPERATURE)}, TEMPERATURE,
                                   "synthesizer"),
    "nobody answers": ({"writer": _refusal(TEMPERATURE), "other": _refusal(TEMPERATURE)},
                       TEMPERATURE, "member"),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "words", "who"), BROKEN.values(), ids=BROKEN)
def test_a_run_that_measured_nothing_ends_with_5_and_says_first_who_failed(
    evaluate, odd, words, who
):
    """With exit 0 and a table, somebody deploys what nobody has graded."""
    code, said = evaluate(**odd)
    first = said.out.splitlines()[0]
    run = read_run("results/latest")
    report = (run.path / "report.md").read_text("utf-8")
    page = (run.path / "report.html").read_text("utf-8")
    summary = json.loads((run.path / "summary.json").read_text("utf-8"))

    assert code == 5
    assert first.startswith("Measurement failed: ")
    assert words in first
    assert who in first
    assert summary["not_measured"][0] == first
    assert summary["unusable"][0]["unusable"] is True
    assert report.index("Measurement failed") < report.index("##")
    assert page.index("Measurement failed") < page.index('id="decision"')


@pytest.mark.parametrize(("odd", "words", "who"), BROKEN.values(), ids=BROKEN)
def test_a_gate_on_a_run_that_measured_nothing_ends_with_5_and_says_the_same_first(
    evaluate, odd, words, who
):
    """The gate passed with a grader that nobody could read: 26 of 90 tasks had just vanished."""
    assert evaluate("run", "tasks.yaml", "--bench", "bench.yaml", "--repeats", "2", "-q")[0] == 0
    assert evaluate("baseline", "results/latest", "--to", "base")[0] == 0
    evaluate("run", "tasks.yaml", "--bench", "bench.yaml", "--seed", "5", "-q", **odd)
    code, said = evaluate("gate", "results/latest", "--baseline", "base", "--margin", "50")
    first = said.out.splitlines()[0]

    assert code == 5
    assert first.startswith("Measurement failed: ")
    assert words in first
    assert who in first
    told = evaluate("explain", "results/latest", "gate")
    assert told[0] == 0
    assert told[1].out.splitlines()[0] == first


def test_what_an_endpoint_said_of_a_failed_call_is_in_the_table_and_in_explain(evaluate):
    """The sentence that names the cure stood in a database that nobody opens."""
    evaluate(referee=_refusal(TEMPERATURE))
    calls = pd.read_parquet("results/latest/calls.parquet")
    failed = calls[calls["failure"].notna()]

    assert set(failed["role"]) == {"grader"}
    assert failed["detail"].str.contains(TEMPERATURE, regex=False).all()
    code, said = evaluate("explain", "results/latest", "advice-0/panel/names-it")
    assert code == 0
    assert TEMPERATURE in said.out


def test_a_refusal_is_told_while_the_run_goes_on(evaluate):
    """An hour of requests that are all refused for one wrong parameter is an hour lost."""
    _, said = evaluate("run", "tasks.yaml", "--bench", "bench.yaml", referee=_refusal(TEMPERATURE))
    told = [line for line in said.err.splitlines() if TEMPERATURE in line]

    assert len(told) == 1
    assert "referee" in told[0]


def test_a_panel_without_one_of_its_members_is_not_the_panel_that_was_to_be_measured(evaluate):
    """Its table would name a panel of two and show the scores of one."""
    code, said = evaluate(other=_refusal(TEMPERATURE))
    first = said.out.splitlines()[0]

    assert code == 5
    assert first.startswith("Measurement failed: member 2 (other): 4 of 4 tasks under panel")
    assert TEMPERATURE in first


def test_a_bench_may_allow_more_to_be_unusable(evaluate):
    """Where models are meant to refuse, refusals are the measurement."""
    assert evaluate(synthesizer=None)[0] == 5
    code, said = evaluate(synthesizer=None, limits=", unusable_share: 1")

    assert code == 0
    assert said.out.startswith("Not all could be measured: synthesizer (writer): 4 of 4 tasks")


def test_a_good_run_has_nothing_of_this(evaluate):
    """A warning that always stands there is read by nobody."""
    code, said = evaluate()

    assert code == 0
    assert "easure" not in said.out.split("points")[0]
    assert json.loads(Path("results/latest/summary.json").read_text())["not_measured"] == []


def test_grading_again_with_a_grader_that_nobody_can_read_ends_with_5(evaluate):
    """The second opinion on a release would be empty, with exit 0."""
    assert evaluate()[0] == 0
    told = ("grade", "results/latest", "--protocol", "one-shot", "--quiet")
    code, said = evaluate(*told, referee="A fine answer.")

    assert code == 5
    assert said.out.startswith("Measurement failed: grader referee")
    assert "A fine answer." in said.out.splitlines()[0]


def test_a_content_filter_on_every_answer_is_named(evaluate):
    """Empty answers with a reason are not a model that has nothing to say."""
    body = completion("", finish="content_filter")
    odd = Response(json.dumps(body), content_type="application/json")
    code, said = evaluate(writer=odd, other=odd)

    assert code == 5
    first = said.out.splitlines()[0]
    assert first.startswith("Measurement failed: ")
    assert "refused 4×" in first
