"""The gate: what it says of a run, with which exit code, and what it refuses to compare."""

from __future__ import annotations

import json
import shutil
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from made_runs import made_run, trial, write_run

import fusion_eval as fe
from fusion_eval.cli import main
from fusion_eval.errors import InputError
from fusion_eval.gate import (
    Checked,
    Outcome,
    Policy,
    freeze,
    gate,
    read_baseline,
    read_policy,
    words,
)
from fusion_eval.gate.junit import write_junit
from fusion_eval.store import read_run

pytestmark = pytest.mark.usefixtures("no_figures")

TWO = {"solo": ("solo", 0.55, 0.01), "panel": ("panel", 0.65, 0.05)}
GRADER = {"model": "referee", "models": ["referee"], "protocol": "draco", "hash": "h1", "passes": 1}
PROMPTS = {"compare.md": "a1", "grade.md": "b1"}


def _made(folder, *, seed=0, shift=0.0, repeats=3, n=30, noise=0.05, **manifest):
    """Two recipes; tasks have the same difficulty under every seed, answers differ."""
    easy = np.random.default_rng(99).normal(0, 0.1, n)
    rng = np.random.default_rng(seed)
    rows = [
        trial(
            f"task-{k}", name, float(np.clip(mean + easy[k] + shift + rng.normal(0, noise), 0, 1)),
            strategy=kind, repeat=r, domain=("Law", "Science")[k % 2], cost_usd=cost,
            latency_s=5.0 + float(rng.uniform()), answer_hash=f"{seed}-{name}-{k}-{r}",
        )
        for name, (kind, mean, cost) in TWO.items() for k in range(n) for r in range(repeats)
    ]  # fmt: skip
    known = {"grader": GRADER, "prompts": PROMPTS, "repeats": repeats}
    return write_run(folder, rows, **(known | manifest))


@pytest.fixture
def baseline(tmp_path):
    return freeze(_made(tmp_path / "old"), tmp_path / "base")


def _exit(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code


def test_a_run_as_good_as_the_baseline_passes(tmp_path, baseline, monkeypatch, capsys):
    """A gate that stops good work is switched off within a week."""
    new = _made(tmp_path / "new", seed=1)

    assert _exit(monkeypatch, "gate", new.path, "--baseline", baseline, "--margin", "3") == 0
    assert "PASS" in capsys.readouterr().out


def test_a_run_that_dropped_by_more_than_the_margin_fails(tmp_path, baseline, monkeypatch):
    """The reason to have a gate."""
    new = _made(tmp_path / "new", seed=1, shift=-0.08)

    assert _exit(monkeypatch, "gate", new.path, "--baseline", baseline, "--margin", "3") == 1


def test_noise_above_the_margin_is_neither_and_the_policy_says_what_it_counts_as(
    tmp_path, baseline, monkeypatch, capsys
):
    """`cannot tell` must not look like a pass, unless the team has said so."""
    new = _made(tmp_path / "new", seed=1, repeats=1)
    told = ["gate", new.path, "--baseline", baseline, "--margin", "0.5"]

    assert _exit(monkeypatch, *told) == 3
    out = capsys.readouterr().out
    assert "to decide: about" in out
    assert "below it" in out
    assert _exit(monkeypatch, *told, "--inconclusive", "pass") == 0
    assert _exit(monkeypatch, *told, "--inconclusive", "fail") == 1
    assert _exit(monkeypatch, *told, "--inconclusive", "maybe") == 2


def test_a_run_that_is_noisier_than_the_baseline_does_not_fail_by_its_noise(tmp_path, baseline):
    """One wild answer per task, held against quiet repeats, would turn the gate red by luck."""
    wild = [
        gate(_made(tmp_path / f"new-{k}", seed=k, repeats=1, noise=0.15), baseline).word
        for k in range(1, 13)
    ]

    assert "fail" not in wild


def test_an_incomplete_run_is_no_pass(tmp_path, baseline, monkeypatch):
    """Calls that kept failing hide exactly the answers that would have been bad."""
    new = _made(tmp_path / "new", seed=1, status="incomplete")

    assert _exit(monkeypatch, "gate", new.path, "--baseline", baseline, "--margin", "5") == 5


def test_a_run_in_which_everything_failed_fails(tmp_path, baseline, monkeypatch):
    """No answers at all is the worst quality there is, not a lack of data."""
    rows = [
        trial(f"task-{k}", name, None, strategy=kind, repeat=r, failure="timeout")
        for name, (kind, _, _) in TWO.items() for k in range(30) for r in range(2)
    ]  # fmt: skip
    new = write_run(tmp_path / "new", rows, grader=GRADER, prompts=PROMPTS)

    assert _exit(monkeypatch, "gate", new.path, "--baseline", baseline) == 1


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda text: text[: len(text) // 2], "not a baseline"),
        (lambda text: text.replace('"format": 1', '"format": 99'), "update fusion-eval"),
        (lambda text: text.replace('"simulated": false', '"simulated": true'), "digest"),
        (lambda text: "[]", "not a baseline"),
        (lambda text: None, "no such file"),
    ],
)
def test_a_damaged_edited_or_newer_baseline_is_refused(
    tmp_path, baseline, monkeypatch, capsys, broken, said
):
    """A baseline that was touched proves nothing, in either direction."""
    new = _made(tmp_path / "new", seed=1)
    text = broken(baseline.read_text("utf-8"))
    baseline.unlink() if text is None else baseline.write_text(text, "utf-8")

    assert _exit(monkeypatch, "gate", new.path, "--baseline", baseline) == 2
    assert said in capsys.readouterr().err


def test_an_empty_run_and_one_with_other_tasks_are_refused(tmp_path, baseline, monkeypatch, capsys):
    """Nothing in common is nothing to compare, however good it looks."""
    empty = write_run(tmp_path / "empty", [], grader=GRADER, prompts=PROMPTS)
    other = write_run(
        tmp_path / "other", [trial("elsewhere", "solo", 0.9), trial("elsewhere", "panel", 0.9)],
        grader=GRADER, prompts=PROMPTS,
    )  # fmt: skip

    assert _exit(monkeypatch, "gate", empty.path, "--baseline", baseline) == 2
    told = ("gate", other.path, "--baseline", baseline, "--allow", "tasks")
    assert _exit(monkeypatch, *told) == 2
    assert "no task in common" in capsys.readouterr().err


def test_a_margin_of_zero_asks_for_proof_of_no_drop_at_all(tmp_path, baseline, monkeypatch):
    """Equal noise cannot prove it: the honest word is that nobody can tell."""
    new = _made(tmp_path / "new", seed=1)

    assert _exit(monkeypatch, "gate", new.path, "--baseline", baseline, "--margin", "0") == 3


def test_an_imported_score_that_is_nan_is_no_score_and_is_named(tmp_path, monkeypatch, capsys):
    """NaN compares as false with everything, and so passes every naive gate."""
    table = tmp_path / "scores.csv"
    table.write_text("recipe,task,score\na,t1,0.5\na,t2,nan\n", "utf-8")

    assert _exit(monkeypatch, "import", table, "-o", tmp_path / "results") == 0
    assert "1 outcomes are empty and left out, not counted 0: a 1" in capsys.readouterr().out
    assert fe.trials(tmp_path / "results" / "latest")["score"].notna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("manifest", "ground", "named"),
    [
        ({"prompts": PROMPTS | {"compare.md": "a2"}}, "prompts", "compare.md"),
        ({"grader": GRADER | {"model": "other", "models": ["other"], "hash": "h2"}}, "grader",
         "other"),
        ({"grader": GRADER | {"protocol": "one-shot", "hash": "h3"}}, "protocol", "one-shot"),
    ],
)  # fmt: skip
def test_what_changed_since_the_baseline_is_named_and_needs_a_word(
    tmp_path, baseline, manifest, ground, named
):
    """Scores under another grader differ by more points than any change of a recipe."""
    new = _made(tmp_path / "new", seed=1, **manifest)

    with pytest.raises(InputError, match=named) as refused:
        gate(new, baseline)
    assert f"--allow {ground}" in str(refused.value)
    checked = gate(new, baseline, Policy(allow=(ground,), margin=5.0))
    assert any(note.startswith(f"allowed ({ground})") and named in note for note in checked.notes)


def test_a_task_that_changed_is_another_task(tmp_path, baseline):
    """An easier rubric would look like progress."""
    new = _made(tmp_path / "new", seed=1)
    rows = [
        trial(f"task-{k}", name, 0.6, strategy=kind, repeat=0,
              **({"task_hash": "changed"} if k == 3 else {}))
        for name, (kind, _, _) in TWO.items() for k in range(30)
    ]  # fmt: skip
    changed = write_run(tmp_path / "changed", rows, grader=GRADER, prompts=PROMPTS)

    with pytest.raises(InputError, match="tasks changed since the baseline: task-3"):
        gate(changed, baseline)
    checked = gate(changed, baseline, Policy(allow=("tasks",)))
    assert {outcome.n for outcome in checked.outcomes} == {29}
    assert gate(new, baseline).outcomes[0].n == 30


def test_the_same_draws_differ_by_exactly_nothing_and_the_gate_says_what_that_proves(
    tmp_path, baseline
):
    """A replay of unchanged answers would pass any margin; nobody should take comfort in it."""
    checked = gate(tmp_path / "old", baseline, Policy(margin=0.1))

    assert checked.word == "pass"
    assert {(o.value, o.low, o.high) for o in checked.outcomes} == {(0.0, 0.0, 0.0)}
    assert any("proves nothing about the models" in note for note in checked.notes)


def test_other_verdicts_on_the_same_answers_are_paired_by_answer(tmp_path, baseline):
    """A change of the grader's prompt is seen through the noise of the answers."""
    folder = tmp_path / "regraded"
    shutil.copytree(tmp_path / "old", folder)
    old = read_baseline(baseline).trials
    rows = [
        {**{k: v for k, v in row.items() if v == v},
         "score": max(0.0, row["score"] - 0.04 - 0.002 * (row["repeat"] % 2)),
         "score_min": 0.0, "score_max": 1.0}
        for row in old.to_dict("records")
    ]  # fmt: skip
    new = write_run(folder, rows, grader=GRADER, prompts=PROMPTS)

    checked = gate(new, baseline, Policy(margin=3.0))
    assert checked.word == "fail"
    assert all(o.high - o.low < 0.005 for o in checked.outcomes)


def test_every_kind_of_rule_passes_and_fails_where_it_should(tmp_path, baseline):
    """A rule that cannot fail guards nothing."""
    good = _made(tmp_path / "good", seed=1)
    rows = [
        trial(f"task-{k}", name, None if k % 3 == 0 else 0.2 if name == "panel" else 0.55,
              strategy=kind, repeat=r, domain=("Law", "Science")[k % 2], cost_usd=2 * cost,
              latency_s=20.0 + k % 3, answer_hash=f"x{k}{r}", coverage=0.5,
              failure="timeout" if k % 3 == 0 else None)
        for name, (kind, _, cost) in TWO.items() for k in range(30) for r in range(2)
    ]  # fmt: skip
    bad = write_run(tmp_path / "bad", rows, grader=GRADER, prompts=PROMPTS)
    path = tmp_path / "policy.yaml"
    path.write_text(
        "margin: 4\nrecipes: [panel]\nrules:\n"
        "  - quality\n  - quality: {domain: Law, margin: 6}\n  - cost: {factor: 1.2}\n"
        "  - latency: {factor: 1.5}\n  - failures: {at_most: 0.1}\n"
        "  - coverage: {at_least: 0.9}\n  - beats: {recipe: panel, others: [solo]}\n"
    )
    policy = read_policy(path)

    assert [o.word for o in gate(good, baseline, policy).outcomes] == ["pass"] * 7
    assert [o.word for o in gate(bad, baseline, policy).outcomes] == ["fail"] * 7


def test_an_unknown_cost_is_neither_cheap_nor_dear(tmp_path, baseline):
    """A missing price read as 0 passes every cost rule."""
    rows = [
        trial(f"task-{k}", name, 0.6, strategy=kind, repeat=r, answer_hash=f"y{k}{r}",
              cost_usd=None if k == 7 else 0.001)
        for name, (kind, _, _) in TWO.items() for k in range(30) for r in range(2)
    ]  # fmt: skip
    new = write_run(tmp_path / "new", rows, grader=GRADER, prompts=PROMPTS)
    policy = Policy.model_validate({"rules": ({"kind": "cost", "factor": 1.5},)})

    words_ = {o.word for o in gate(new, baseline, policy).outcomes}
    assert words_ == {"inconclusive"}


def test_a_baseline_holds_no_text_and_gives_back_what_was_frozen(tmp_path, baseline):
    """It goes into a public repository."""
    text = baseline.read_text("utf-8")
    back = read_baseline(baseline)
    old = read_run(tmp_path / "old")

    assert "Explain" not in text
    assert len(text) < 60_000
    assert len(back.trials) == 180
    assert back.run_id == old.id
    again = freeze(old, tmp_path / "again.json")
    assert again.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("manifest", "ground"),
    [({"status": "interrupted"}, "partial"), ({"limit": 5}, "filtered"),
     ({"cut": ["task-9"]}, "filtered")],
)  # fmt: skip
def test_a_run_that_is_not_whole_is_no_baseline_unless_somebody_says_so(tmp_path, manifest, ground):
    """The tasks that were cut are the dear and the hard ones."""
    run = _made(tmp_path / "new", **manifest)

    with pytest.raises(InputError, match=f"--allow {ground}"):
        freeze(run, tmp_path / "b.json")
    assert freeze(run, tmp_path / "b.json", allow=(ground,)).exists()


def test_a_baseline_is_not_replaced_by_one_under_another_protocol(tmp_path, baseline):
    """Every later gate would compare across graders without a word."""
    run = _made(tmp_path / "new", grader=GRADER | {"hash": "h9"})

    with pytest.raises(InputError, match="--allow protocol"):
        freeze(run, baseline)


def test_all_problems_of_a_policy_are_told_with_their_lines(tmp_path):
    """One problem a run is one CI round each."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        "margn: 2\nrules:\n  - quality: {margin: -1}\n  - speed: {}\n  - cost: {factr: 1.2}\n"
        "  - failures: {at_most: 0}\n"
    )
    with pytest.raises(InputError) as refused:
        read_policy(path)
    found = "\n".join(refused.value.problems)

    for place in (":1:", ":3:", ":4:", ":5:", ":6:"):
        assert f"policy.yaml{place}" in found
    assert "did you mean 'margin'" in found


def test_a_policy_that_names_a_recipe_nobody_ran_is_refused(tmp_path, baseline):
    """A misspelt recipe would be a rule that is never checked."""
    with pytest.raises(InputError, match="panell"):
        gate(tmp_path / "old", baseline, Policy(recipes=("panell",)))


def _many(count, word="inconclusive"):
    outcome = {
        "kind": "quality", "word": word, "value": -0.01, "low": -0.04, "high": 0.02,
        "limit": -0.02, "n": 30, "why": "x" * 20_000, "needs": "more | tasks `here`",
    }  # fmt: skip
    made = tuple(
        Outcome(rule=f"rule {k} <script>\x00", recipe="päñel|", **outcome) for k in range(count)
    )
    return Checked(run_id="r", baseline_id="b", simulated=True, outcomes=made, notes=("n",))


def test_the_markdown_of_200_rules_fits_into_a_job_summary():
    """Above one MiB the whole summary is dropped."""
    text = words.markdown(_many(200))

    assert len(text.encode()) < 2**20
    assert text.count("\n| inconclusive") == 200
    assert "SIMULATED" in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("treated", "kind"), [("pass", "skipped"), ("fail", "failure"), (3, "error")]
)
def test_junit_is_read_by_a_junit_reader(tmp_path, treated, kind):
    """CI shows what it can parse, and drops the rest without a word."""
    junitparser = pytest.importorskip("junitparser")
    checked = _many(3)
    checked = Checked(
        run_id="r", baseline_id="b", simulated=True, notes=(), inconclusive=treated,
        outcomes=(*checked.outcomes, *_many(1, "pass").outcomes, *_many(2, "fail").outcomes),
    )  # fmt: skip
    path = write_junit(checked, tmp_path / "junit.xml")
    (suite,) = junitparser.JUnitXml.fromfile(str(path))

    assert suite.tests == 6
    results = [type(r).__name__.lower() for case in suite for r in case.result]
    assert results.count(kind) >= 3
    assert suite.failures == (5 if treated == "fail" else 2)
    assert ElementTree.parse(path).getroot().tag == "testsuites"


def test_the_json_of_the_gate_says_simulated_and_its_exit_code(tmp_path, monkeypatch, capsys):
    """A dashboard that reads it must not show simulated quality as real."""
    old = freeze(_made(tmp_path / "old", simulated=True), tmp_path / "base.json")
    new = _made(tmp_path / "new", seed=2, simulated=True)

    code = _exit(monkeypatch, "gate", new.path, "--baseline", old, "--margin", "3", "--json")
    told = json.loads(capsys.readouterr().out)

    assert told["simulated"] is True
    assert told["exit_code"] == code == 0
    assert {rule["recipe"] for rule in told["rules"]} == set(TWO)


def test_a_baseline_of_several_passes_keeps_each(tmp_path):
    """Grading noise can only be told from answers where passes stand apart."""
    verdicts = [
        {"task": "t", "task_hash": "h", "recipe": "solo", "repeat": 0, "criterion": c,
         "section": "s", "weight": 10.0, "grader": "referee", "grader_pass": p,
         "verdict": "met" if v else "unmet", "value": float(v)}
        for c, p, v in (("a", 0, 1), ("b", 0, 1), ("a", 1, 1), ("b", 1, 0))
    ]  # fmt: skip
    run = write_run(tmp_path / "run", [trial("t", "solo", 0.75, task_hash="h")], verdicts=verdicts)
    content = json.loads(freeze(run, tmp_path / "b.json").read_text("utf-8"))

    assert content["trials"][0][content["columns"].index("passes")] == [1.0, 0.5]
    assert read_baseline(tmp_path / "b.json").sections["score"].tolist() == [0.75]


def test_made_runs_gate_too(tmp_path):
    """Runs without manifest entries, such as imported ones, are compared by what they have."""
    old = freeze(made_run(tmp_path / "old", TWO, n=20, repeats=2), tmp_path / "b.json")

    assert gate(made_run(tmp_path / "new", TWO, n=20, repeats=2, seed=4), old).outcomes


def test_the_pytest_fixture_passes_fails_and_skips(pytester, tmp_path, baseline):
    """A team whose CI is pytest sees the gate as a test among others."""
    good = _made(tmp_path / "good", seed=1).path
    bad = _made(tmp_path / "bad", seed=1, shift=-0.1).path
    cases = [(good, "margin=3"), (bad, "margin=3"), (good, "margin=0"),
             (good, "margin=0, inconclusive='fail'")]  # fmt: skip
    pytester.makepyfile("\n".join(
        f"def test_{k}(fusion_gate):\n"
        f"    fusion_gate({str(run)!r}, baseline={str(baseline)!r}, {told})"
        for k, (run, told) in enumerate(cases)
    ))  # fmt: skip

    found = pytester.runpytest_subprocess("-rs", "-p", "no:xdist")
    found.assert_outcomes(passed=1, failed=2, skipped=1)


def test_tasks_that_lost_their_score_are_counted_and_never_left_out(tmp_path, baseline):
    """With the hard tasks gone the rest looks better: the gate passed with 26 of 90 missing."""
    rows = [
        trial(f"task-{k}", name, None if k < 9 else 0.75, strategy=kind, repeat=r,
              domain=("Law", "Science")[k % 2], answer_hash=f"z{name}{k}{r}",
              coverage=0.0 if k < 9 else 1.0)
        for name, (kind, _, _) in TWO.items() for k in range(30) for r in range(2)
    ]  # fmt: skip
    new = write_run(tmp_path / "new", rows, grader=GRADER, prompts=PROMPTS)
    checked = gate(new, baseline, Policy(margin=3.0))

    assert checked.word == "inconclusive"
    assert checked.exit_code == 3
    quality = [o for o in checked.outcomes if o.kind == "quality"]
    assert all("without a score in this run: 9 tasks of the baseline" in o.why for o in quality)
    assert all(o.value > 0.05 and o.low < o.limit for o in quality)
    assert {o.kind for o in checked.outcomes} == {"quality", "coverage"}  # the guard went off


def test_more_failures_than_the_baseline_fail_without_a_rule(tmp_path, baseline):
    """Who writes `rules: [cost]` has not asked for a system that stops answering."""
    rows = [
        trial(f"task-{k}", name, None if k < 10 else 0.6, strategy=kind, repeat=0,
              cost_usd=0.01, failure="timeout" if k < 10 else None, answer_hash=f"f{name}{k}")
        for name, (kind, _, _) in TWO.items() for k in range(30)
    ]  # fmt: skip
    new = write_run(tmp_path / "new", rows, grader=GRADER, prompts=PROMPTS)
    policy = Policy.model_validate({"rules": ({"kind": "cost", "factor": 9.0},)})
    checked = gate(new, baseline, policy)

    assert checked.word == "fail"
    assert [o.rule for o in checked.outcomes if o.word == "fail"] == [
        "failures as in the baseline"
    ] * 2


def test_a_run_against_its_own_answers_says_that_nothing_new_was_measured(
    tmp_path, baseline, monkeypatch, capsys
):
    """`PASS: every rule is kept, beyond chance` stood over a comparison of a run with itself."""
    told = ["gate", tmp_path / "old", "--baseline", baseline, "--margin", "2"]

    assert _exit(monkeypatch, *told) == 0
    assert capsys.readouterr().out.startswith("NOTHING NEW WAS MEASURED")


def test_what_is_clearly_worse_fails_though_it_may_have_kept_the_margin(tmp_path, baseline):
    """Exit 3 stood for an unlucky run and for one that lost 20 points."""
    new = _made(tmp_path / "new", seed=1, shift=-0.20, noise=0.3, repeats=2)
    checked = gate(new, baseline, Policy(margin=15.0))

    assert {o.word for o in checked.outcomes} == {"fail"}
    assert any(o.high > -0.15 for o in checked.outcomes)


def test_a_baseline_of_several_days_asks_a_difference_to_stand_out_from_theirs(tmp_path):
    """A hosted model's bad day passed or failed at will."""
    days = [
        _made(tmp_path / f"day-{k}", seed=k, shift=shift, started=f"2026-11-0{k + 1}T08:00:00")
        for k, shift in enumerate((0.0, 0.04, -0.03, 0.02))
    ]
    path = freeze(days[0], tmp_path / "base")
    new = _made(tmp_path / "new", seed=9, shift=-0.03)
    alone = gate(new, path, Policy(margin=2.0))
    for day in days[1:]:
        freeze(day, path, add=True)
    together = gate(new, path, Policy(margin=2.0))

    assert read_baseline(path).trials["repeat"].nunique() == 12
    assert {o.word for o in alone.outcomes} == {"fail"}
    assert any("of one day" in note for note in alone.notes)
    assert {o.word for o in together.outcomes} == {"inconclusive"}
    assert all("baseline's days differ" in o.why for o in together.outcomes)


def test_a_run_out_of_the_ledger_is_no_further_day(tmp_path, baseline):
    """The same answers twice would make days look equal."""
    with pytest.raises(InputError, match="another --seed"):
        freeze(read_run(tmp_path / "old"), baseline, add=True)


def test_a_gate_that_fails_says_what_changed_and_what_lost_most(tmp_path, monkeypatch, capsys):
    """A red build without a reason is rerun until it is green."""

    def graded(folder, met, synthesizer, **more):
        rows = [trial(f"task-{k}", "panel", 0.5 + 0.5 * met, strategy="panel", repeat=r,
                      answer_hash=f"{met}{k}{r}", latency_s=2.0)
                for k in range(8) for r in range(2)]  # fmt: skip
        verdicts = [
            {"task": f"task-{k}", "task_hash": rows[2 * k]["task_hash"], "recipe": "panel",
             "repeat": r, "criterion": name, "section": "s", "weight": 10.0, "grader": "g",
             "grader_pass": 0, "verdict": "met" if value else "unmet", "value": float(value)}
            for k in range(8) for r in range(2) for name, value in (("a", 1), ("b", met))
        ]  # fmt: skip
        run = write_run(folder, rows, verdicts=verdicts, grader=GRADER, prompts=PROMPTS, **more)
        (folder / "bench.yaml").write_text(
            f"recipes: {{panel: {{strategy: panel, synthesizer: {synthesizer}}}}}\n"
        )
        return run

    path = freeze(graded(tmp_path / "old", 1, "large"), tmp_path / "base.json")
    new = graded(
        tmp_path / "new", 0, "small", money={"spent_usd": 0.25},
        started="2026-11-30T08:00:00+00:00", ended="2026-11-30T08:01:30+00:00",
    )  # fmt: skip
    junit = tmp_path / "junit.xml"
    assert _exit(monkeypatch, "gate", new.path, "--baseline", path, "--junit", junit) == 1
    out = capsys.readouterr().out
    case = ElementTree.parse(junit).getroot().find(".//testcase")

    assert "panel: synthesizer is small, was large" in out
    assert "task-0 (panel) −50.0" in out
    assert "b of task-0 (panel) −50.0, met 100% → 0%" in out
    assert "This run cost $0.250, grading included and took 90 s." in out
    assert case.get("time") == "32.000"
    assert case.get("file") == str(path)
    assert _exit(monkeypatch, "explain", new.path, "gate") == 0
    assert capsys.readouterr().out == out


def test_the_gate_is_a_function_of_the_package(tmp_path, baseline):
    """`fe.gate(run)` is what people try first."""
    import fusion_eval as fe

    assert fe.gate(tmp_path / "old", baseline).word == "pass"
    assert fe.gate.Policy is Policy
