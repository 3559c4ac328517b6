"""Grading what exists: it pays for verdicts only, goes on after a kill, and is not mixed up."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import forked
import pytest
from engine_kit import (
    MINI,
    bench_file,
    committed_ids,
    later,
    outcome,
    rows,
    served,
    simulator,
    until,
)

import fusion_eval as fe
from fusion_eval.errors import BenchFileError, InputError, ProtocolsDifferError

SIM = {"simulator": "default"}
FOUR = {
    "solo": {"strategy": "solo", "member": "heron"},
    "twin": {"strategy": "vote", "members": ["heron"]},
    "other": {"strategy": "solo", "member": "kestrel"},
}
RUBRICS = 3
"""Tasks of mini.yaml with criteria; the others have a target."""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run, and where it lies."""
    folder = tmp_path_factory.mktemp("grade")
    bench = bench_file(folder, SIM, recipes=FOUR, repeats=1)
    return fe.run(MINI, bench, output_dir=folder / "results")


def regraded(run, **how):
    """The run graded again, beside it."""
    return fe.grade(run.path, output_dir=run.path.parent, **how)


def test_grading_again_pays_for_verdicts_only_and_carries_the_rest_over(done):
    """Answers of a night cannot be made again for a question about the grader."""
    again = regraded(done, protocol="one-shot")
    before, after = (rows(run, "trials") for run in (done, again))

    assert again.id != done.id
    assert again.manifest["graded"]["source"] == done.id
    assert {c["role"] for c in rows(again, "calls")} == {"grader"}
    kept = ("task", "recipe", "repeat", "answer_hash", "cost_usd", "latency_s", "tokens_out")
    assert [[t[k] for k in kept] for t in after] == [[t[k] for k in kept] for t in before]
    assert {t["spent_usd"] for t in after} == {0.0}
    assert {t["protocol"].split("@")[0] for t in after if t["protocol"]} == {"one-shot"}
    assert again.simulated


def test_the_same_protocol_makes_no_call_and_gives_the_same_scores(done):
    """A verdict that was paid for is the ledger's."""
    again = regraded(done, protocol="draco", replay=True)
    assert again.manifest["calls"]["made"] == 0
    assert outcome(again)["verdicts"] == outcome(done)["verdicts"]
    assert [t["score"] for t in rows(again, "trials")] == [t["score"] for t in rows(done, "trials")]


def test_an_answer_that_another_recipe_also_returned_is_graded_once(done):
    """A vote hands on an answer of its members; paid twice, it would cost twice for nothing."""
    calls = [c for c in rows(done, "calls") if c["role"] == "grader"]
    by = {name: {c["key"] for c in calls if c["recipe"] == name} for name in FOUR}
    assert by["twin"] == by["solo"]
    assert not by["solo"] & by["other"]
    assert sum(not c["cached"] for c in calls) == len(by["solo"]) + len(by["other"])
    again = regraded(done, protocol="one-shot")
    made = again.manifest["calls"]
    assert made["charged"] == 3 * RUBRICS
    assert made["distinct"] == 2 * RUBRICS


def test_runs_under_different_protocols_are_not_compared_unless_forced(done):
    """A difference of 7 points that is the grader's looks like any other."""
    again = regraded(done, protocol="draco-chunk3")
    with pytest.raises(
        ProtocolsDifferError, match=r"draco-chunk3@\w+ and draco@\w+.*grade RUN.*force"
    ):
        fe.compare_runs(done, again)
    forced = fe.compare_runs(done, again, force=True)
    assert all("different protocols" in caveat for caveat in forced["caveat"])
    assert len(fe.compare_runs(done, regraded(done, protocol="draco"))) == 3


def test_a_killed_grading_goes_on_and_asks_nothing_twice(tmp_path: Path):
    """Grading is the larger part of the bill; a crash must not double it."""
    door = simulator(later(0.01))
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=FOUR, repeats=1)
        run = fe.run(MINI, bench, output_dir=results)
        answered = len(door.arrived)
        process = forked.Forked("grade", run.path, "--passes", "2", "-o", results, "--quiet")
        until(lambda: len(door.arrived) >= answered + 12, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        before = list(door.arrived)
        ids = committed_ids(results)
        committed = {body for body, answer in door.ids.items() if answer in ids}
        again = fe.grade(run.path, passes=2, output_dir=results)

    assert again.manifest["status"] == "finished"
    assert len([p for p in results.glob("2*") if p.is_dir()]) == 2
    assert not set(door.arrived[len(before) :]) & committed
    assert set(before) - committed  # something was lost, or the kill came too late
    assert {v["grader_pass"] for v in rows(again, "verdicts") if v["protocol"]} == {0, 1}


def test_answers_from_a_file_are_graded_and_what_nobody_knows_stays_unknown(tmp_path: Path):
    """Answers of another tool have no price here, and 0 would put them on the frontier."""
    lines = [
        {"task": "tides", "recipe": "mine", "answer": "The Moon's gravity raises the sea."},
        {"task": "tides", "recipe": "mine", "answer": "The wind.", "repeat": 1},
        {"task": "blue-sky", "recipe": "yours", "answer": ""},
    ]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    bench = bench_file(tmp_path, SIM)
    run = fe.grade(file, tasks=MINI, bench=bench, output_dir=tmp_path / "results")
    trials = rows(run, "trials")

    assert [(t["task"], t["recipe"], t["repeat"]) for t in trials] == [
        ("tides", "mine", 0),
        ("tides", "mine", 1),
        ("blue-sky", "yours", 0),
    ]
    assert {t["cost_usd"] for t in trials} == {None}
    assert [t["failure"] for t in trials] == [None, None, "empty"]
    assert run.manifest["status"] == "finished"


def test_the_answers_that_a_run_wrote_are_a_file_of_answers(done, tmp_path: Path):
    """Whoever edits them, to pad or to shorten, must get them graded, and marked as simulated."""
    bench = done.path / "bench.yaml"
    file = done.path / "answers.jsonl"
    run = fe.grade(file, tasks=MINI, bench=bench, output_dir=done.path.parent, replay=True)
    assert run.simulated
    assert [t["score"] for t in rows(run, "trials")] == [t["score"] for t in rows(done, "trials")]


@pytest.mark.parametrize(
    ("line", "way_out"),
    [
        ({"task": "nobody", "recipe": "a", "answer": "x"}, ":1: no task 'nobody'"),
        ({"task": "tides", "answer": "x"}, ":1: recipe: Field required"),
        ({"task": "tides", "recipe": "a", "anwser": "x"}, ":1: anwser"),
        ([1], ":1: "),
    ],
)
def test_bad_lines_of_a_file_of_answers_are_named(tmp_path: Path, line, way_out):
    """Half of the answers graded would be a score of the other half."""
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps(line))
    with pytest.raises(InputError) as caught:
        fe.grade(file, tasks=MINI, bench=bench_file(tmp_path, SIM), output_dir=tmp_path)
    assert way_out in str(caught.value)


def test_a_run_whose_tasks_have_changed_is_refused(done, tmp_path: Path):
    """Verdicts on another rubric would stand under the name of the old one."""
    changed = tmp_path / "mini.yaml"
    changed.write_text(MINI.read_text().replace("weight: 8", "weight: 9", 1))
    with pytest.raises(InputError, match=r"tasks have changed since the run: tides.*--tasks"):
        regraded(done, tasks=changed)


def test_a_preference_is_asked_in_both_orders_and_the_same_text_is_a_tie(done):
    """One order alone measures the place as much as the answer."""
    again = regraded(done, protocol={"base": "pairwise", "against": "solo"})
    verdicts = [v for v in rows(again, "verdicts") if v["criterion"].startswith("preferred")]
    own = [v for v in verdicts if v["recipe"] in {"solo", "twin"}]
    other = [v for v in verdicts if v["recipe"] == "other"]

    assert {(v["value"], v["reason"]) for v in own} == {(0.5, "the same text")}
    assert len(other) == again.manifest["calls"]["made"] == 2 * RUBRICS
    assert {(v["criterion"], v["position"]) for v in other} == {
        ("preferred-first", 0),
        ("preferred-second", 1),
    }
    (row,) = fe.preferences(fe.verdicts(again)).to_dict("records")
    assert (row["recipe"], row["pairs"]) == ("other", RUBRICS)
    assert row["preferred"] == pytest.approx(sum(v["value"] for v in other) / len(other))
    with pytest.raises(InputError, match=r"there are other, solo, twin"):
        regraded(done, protocol={"base": "pairwise", "against": "sollo"})


GRADERS = {
    "nobody": ("{passes: 2}", "either a `model` or a `committee`"),
    "both": ("{model: referee, committee: [heron, kestrel]}", "either a `model` or a `committee`"),
    "a twin": ("{committee: [heron, heron]}", "the same model; use `passes`"),
    "a stranger": (
        "{committee: [heron, kestrl]}",
        "unknown model 'kestrl'; did you mean 'kestrel'",
    ),
    "too few": ("{committee: [heron, kestrel], minimum_valid: 3}", "there are at most 2 verdicts"),
    "a mean that stops": ("{model: referee, passes: 3, adaptive: true, combine: mean}", "majority"),
    "an unknown base": ("{model: referee, protocol: {base: drako}}", "did you mean 'draco'?"),
    "an unknown key": ("{model: referee, protocol: {ordre: x}}", "did you mean 'order'?"),
    "no number": ("{model: referee, protocol: {criteria_per_call: 0}}", "from 1 on, or all"),
    "a taken name": (
        "{model: referee, protocol: {name: draco, order: answer_first}}",
        "name 'draco' is that of a ready protocol",
    ),
}


@pytest.mark.parametrize("name", GRADERS)
def test_a_grader_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, name):
    """Found out after a night, it would have graded everything by nobody's rule."""
    entry, way_out = GRADERS[name]
    path = bench_file(tmp_path, SIM)
    text = path.read_text().replace("grader:\n  model: referee\n", f"grader: {entry}\n")
    path.write_text(text)
    line = next(i for i, row in enumerate(text.splitlines(), 1) if row.startswith("grader:"))
    with pytest.raises(BenchFileError) as caught:
        fe.run(MINI, path, output_dir=tmp_path)
    assert all(f"bench.yaml:{line}: " in problem for problem in caught.value.problems)
    assert way_out in str(caught.value)
