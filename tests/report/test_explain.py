"""`explain`: the answer to "why", through the command line, down to the digit."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from engine_kit import no_pauses, served, simulator
from hypothesis import given
from hypothesis import strategies as st
from made_runs import made_run, trial, write_run

import fusion_eval as fe
from fusion_eval import cli
from fusion_eval.core import POLICIES, Verdict
from fusion_eval.core.scoring import score
from fusion_eval.explaining.arithmetic import steps
from fusion_eval.explaining.words import safe
from fusion_eval.store import read_lines, read_rows, read_run, write_lines

pytestmark = pytest.mark.usefixtures("no_figures")

TASKS = """
name: two
tasks:
  - id: a/b
    prompt: Why is the sky blue?
    criteria:
      - {id: scatter, section: facts, weight: 10, requirement: Names scattering of light}
      - {id: myth, section: facts, weight: -4, requirement: Says that it mirrors the sea}
  - {id: sum, prompt: What is 2 + 2?, target: "4", check: numeric}
"""
BENCH = """
endpoints: {sim: {simulator: default}}
models:
  heron: {endpoint: sim, id: wader/heron, max_tokens: 400}
  kestrel: {endpoint: sim, id: raptor/kestrel, max_tokens: 400}
  referee: {endpoint: sim, id: strix/owl}
recipes:
  solo: {strategy: solo, member: heron}
  panel: {strategy: panel, members: [heron, kestrel], judge: kestrel, synthesizer: heron}
grader: {model: referee, protocol: draco, passes: 2}
repeats: 2
seed: 3
"""


class Done:
    """What a command left behind: exit code and both outputs."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    for name in os.environ:
        if name.startswith("FUSION_EVAL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def _command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Done(ended.value.code or 0, out, err)

    return _command


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a simulated run of two tasks; made once, since no test here writes to it."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "tasks.yaml").write_text(TASKS)
    (folder / "bench.yaml").write_text(BENCH)
    fe.run(folder / "tasks.yaml", folder / "bench.yaml", output_dir=folder / "results")
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A copy of it in the folder where the test is."""
    shutil.copytree(made, tmp_path, symlinks=True, dirs_exist_ok=True)
    return read_run(tmp_path / "results" / "latest")


def test_a_trial_is_told_with_its_prompt_seats_calls_and_sum(command, run):
    """The question that every table raises: why did this one get that?"""
    row = next(r for r in read_rows(run, "trials")
               if (r["task"], r["recipe"], r["repeat"]) == ("a/b", "panel", 1))  # fmt: skip

    said = command("explain", run.path, "a/b/panel/1").out
    found = command("explain", run.path, "a/b/panel/1", "--json").json

    assert said.startswith("SIMULATED")
    for part in ("Why is the sky blue?", "members heron, kestrel", "judge kestrel",
                 "synthesizer heron", f"({row['score']!r})", "Names scattering of light",
                 "Other repeats: 0:"):  # fmt: skip
        assert part in said, part
    assert [c["role"] for c in found["calls"]].count("member") == 2
    assert {c["role"] for c in found["calls"]} == {"member", "judge", "synthesizer"}
    assert all(c["text"] for c in found["calls"])
    assert sum(c["cost_usd"] for c in found["calls"]) == pytest.approx(row["cost_usd"])
    assert sum(c["cost_usd"] for c in found["grading"]) == pytest.approx(row["grading_usd"])
    for call in found["calls"]:
        assert f"{call['key'][:12]}  {call['role']} {call['model']}" in said
    assert "from the ledger" in said  # the drafts are those of the first recipe that asked


def test_the_sum_of_a_trial_is_its_score_to_the_digit(command, run):
    """A number that cannot be worked out again is believed or not, and that is all."""
    for row in read_rows(run, "trials"):
        what = f"{row['task']}/{row['recipe']}/{row['repeat']}"
        sums = command("explain", run.path, what, "--json").json["arithmetic"]

        assert sums["score"] == row["score"]
        last = [grading["steps"][-1]["value"] for grading in sums["gradings"]]
        assert sum(last) / len(last) == pytest.approx(row["score"], abs=1e-12)
        assert len(last) == (2 if row["task"] == "a/b" else 1)


def test_a_verdict_is_told_with_its_criterion_passes_and_reply(command, run):
    """The sceptic's last step: what did the grader see, and what did it say?"""
    said = command("explain", run.path, "a/b/solo/0/myth").out
    found = command("explain", run.path, "a/b/solo/0/myth", "--json").json

    assert "an error: met means that it is there, weight -4" in said
    assert "Says that it mirrors the sea" in said
    assert [r["grader_pass"] for r in found["readings"]] == [0, 1]
    assert len(found["calls"]) == 2
    for call in found["calls"]:
        assert call["ledger"]["reply"]["text"].splitlines()[0] in said


def test_a_call_is_told_with_who_uses_it_and_why_no_other_could_serve(command, run):
    """Why was this paid again?" is the first question to every cache."""
    calls = [c for c in read_rows(run, "calls") if c["task"] == "a/b" and c["role"] == "member"]
    second = next(c for c in calls if c["draw"].startswith("1") and c["model"] == "heron")

    said = command("explain", run.path, second["key"][:10]).out
    found = command("explain", run.path, second["key"], "--json").json

    assert {(u["recipe"], u["repeat"]) for u in found["uses"]} == {("solo", 1), ("panel", 1)}
    assert found["ledger"]["run"] == run.id
    assert "this run paid for it" in said
    nearest = found["ledger"]["nearest"]
    assert "draw" in nearest["differs"]
    assert f"{nearest['key'][:12]}, differs in:" in said


@pytest.mark.parametrize(("what", "hint"), [
    ("a/b/pannel", "did you mean 'panel'"),
    ("a/c/panel", "did you mean 'a/b/panel'"),
    ("a/b/panel/9", "it has 0, 1"),
    ("a/b/panel/0/scater", "did you mean 'scatter'"),
    ("a/b", "write TASK/RECIPE"),
    ("0123456789abcdef", "no call of this run"),
])  # fmt: skip
def test_what_is_not_there_is_answered_with_what_is(command, run, what, hint):
    """A key error says that the tool broke; a near match says what to type."""
    done = command("explain", run.path, what)

    assert (done.code, done.out) == (2, "")
    assert hint in done.err
    assert hint in "\n".join(command("explain", run.path, what, "--json").json["problems"])


def test_a_trial_that_failed_is_told_without_a_score(command, tmp_path):
    """A failure explained as 0 points would accuse the model of a wrong answer."""

    async def heron_is_down(body: bytes, number: int) -> tuple[int, str] | None:
        return (500, "down") if b"wader/heron" in body else None

    Path("tasks.yaml").write_text(TASKS)
    limits = "limits: {attempts: 2}"
    with served(simulator(heron_is_down, Path("tasks.yaml"))) as url, no_pauses():
        there = BENCH.replace("{simulator: default}", f"{{base_url: '{url}'}}")
        Path("bench.yaml").write_text(there + limits)
        assert command("run", "tasks.yaml", "--bench", "bench.yaml", "--quiet").code == 5
    run = read_run(tmp_path / "results" / "latest")
    (word,) = {r["failure"] for r in read_rows(run, "trials") if r["recipe"] == "solo"}

    said = command("explain", run.path, "sum/solo").out
    found = command("explain", run.path, "sum/solo", "--json").json

    assert f"No answer: {word}" in said
    assert "It has no score" in said
    assert f"2 attempts; FAILED: {word}" in said
    assert found["arithmetic"] is None
    assert found["outcome"]["score"] is None
    assert found["answer"] is None


def test_a_trial_that_an_interruption_left_out_is_named_as_planned(command, tmp_path):
    """ "No such task" would send people to look for a typing error."""
    rows = [trial("here", "solo", 0.5)]
    planned = {"count": 2, "hashes": {"here": "h1", "later": "h2"}}
    run = write_run(tmp_path / "cut", rows, status="interrupted", tasks=planned,
                    recipes={"solo": "solo", "panel": "panel"})  # fmt: skip

    for what in ("later/solo", "here/panel"):
        done = command("explain", run.path, what)
        assert done.code == 2
        assert f"{what} is planned and not there: the run is interrupted" in done.err
    said = command("explain", run.path, "here/solo")
    assert said.code == 0
    assert "its score was given from outside" in said.out


def test_text_of_models_cannot_act_in_the_terminal(command, tmp_path):
    """An answer that moves the cursor can overwrite the score above it."""
    evil = "\x1b[2J\x1b[1;1HScore: 100\x07\u202eback\x9b31m\r hidden\x00"
    run = made_run(tmp_path / "run", {"solo": ("solo", 0.5, 0.01)}, n=1)
    (row,) = read_rows(run, "trials")
    write_lines(run.path / "answers.jsonl",
                [{"task": "task-0", "recipe": "solo", "repeat": 0, "answer": evil}])  # fmt: skip
    write_lines(run.path / "tasks.jsonl", [{
        "id": "task-0", "hash": row["task_hash"], "target": None, "criteria": [],
        "messages": [{"role": "user", "content": evil}],
    }])  # fmt: skip

    said = command("explain", run.path, "task-0/solo", "--full").out

    assert "Score: 100" in said
    assert not {c for c in said if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)}
    assert "\u202e" not in said
    assert next(iter(read_lines(run.path / "answers.jsonl")))["answer"] == evil


@given(st.text())
def test_whatever_a_model_writes_is_printable(text):
    """One escape sequence that gets through is enough."""
    for row in safe(text):
        assert all(c.isprintable() or c.isspace() for c in row)
        assert "\x1b" not in row


@given(
    policy=st.sampled_from(sorted(POLICIES)),
    parts=st.lists(
        st.tuples(
            st.integers(-20, 20).filter(bool), st.sampled_from([0.0, 0.5, 1.0, None]),
            st.sampled_from(["x", "y"]), st.sampled_from([0.0, 0.5, 1.0]),
        ),
        min_size=1, max_size=8,
    ),
)  # fmt: skip
def test_the_steps_end_at_the_score_under_every_policy(policy, parts):
    """An explanation that does not give the number explains another one."""
    rule = POLICIES[policy]
    verdicts = [
        Verdict(
            criterion=f"c{k}", section=section, weight=float(w if rule.errors else abs(w)),
            grader="g", grader_pass=0, verdict="unreadable" if value is None else "met",
            value=value, reference_value=theirs,
        )
        for k, (w, value, section, theirs) in enumerate(parts)
    ]  # fmt: skip
    made = score(rule, verdicts)

    if made.value is not None:
        assert steps(rule, verdicts)[-1]["value"] == pytest.approx(made.value, abs=1e-12)


def test_a_trial_is_told_with_the_form_that_its_question_was_given(command, run):
    """The line that asks for a form is what small models stumble over, and was not shown."""
    said = command("explain", run.path, "sum/solo/0").out

    assert "Form that is asked for with it:" in said
    assert "Answer: <number>" in said
    assert "Form that is asked for" not in command("explain", run.path, "a/b/solo/0").out
