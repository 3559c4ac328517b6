"""Other people's task formats: each sample becomes the tasks it means, and bad rows are all named."""

# ruff: noqa: E501  (tables of messages)

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_eval.core import POLICIES
from fusion_eval.errors import TaskFileError
from fusion_eval.grading import check
from fusion_eval.loading.formats import FORMATS, format_of
from fusion_eval.loading.tasks import load_task_files, load_tasks

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = {
    "healthbench": SAMPLES / "healthbench.jsonl",
    "researchrubrics": SAMPLES / "researchrubrics.jsonl",
    "prbench": SAMPLES / "prbench.jsonl",
    "profbench": SAMPLES / "profbench.jsonl",
    "paperbench": SAMPLES / "paperbench.json",
    "rar": SAMPLES / "rar.jsonl",
    "wildbench": SAMPLES / "wildbench.jsonl",
    "deepresearch-bench": SAMPLES / "deepresearch" / "tasks.yaml",
    "fusionharness": SAMPLES / "fusionharness.yaml",
    "openfusion": SAMPLES / "openfusion.jsonl",
}
POLICY = {"fusionharness": "draco", "openfusion": "draco"}


def rows(name: str) -> list[dict]:
    """The rows of a JSONL sample."""
    return [json.loads(line) for line in FILES[name].read_text("utf-8").splitlines()]


def leaf(task):
    """(requirement, weight, section) of each criterion that is graded."""
    return [(c.requirement, c.weight, c.section) for c in task.leaves]


def test_every_named_format_has_a_sample_or_tests_of_its_own():
    """A format that nobody loads is a promise that nobody keeps."""
    assert set(FORMATS) == {*FILES, "draco"}


@pytest.mark.parametrize("name", FILES)
def test_a_sample_loads_by_its_shape_under_its_own_policy(name):
    """Who has the benchmark's file should not have to say so, nor how it is scored."""
    tasks = load_tasks(FILES[name]).tasks
    assert {task.score for task in tasks} == {POLICY.get(name, name)}
    assert {task.score for task in tasks} <= POLICIES.keys()
    assert len({task.hash for task in tasks}) == len(tasks)
    if name not in {"deepresearch-bench"}:
        assert load_tasks(FILES[name], format=name).tasks == tasks


def test_healthbench_keeps_turns_points_axes_and_themes():
    """A lost turn is another question; a lost sign turns an error into a merit."""
    first, second = load_tasks(FILES["healthbench"]).tasks
    assert [m.role for m in first.question.messages] == ["user", "assistant", "user"]
    assert leaf(first) == [
        ("Asks to see a doctor if weight cannot be borne", 9, "completeness"),
        ("Suggests to rest and cool the ankle", 5, "accuracy"),
        ("Advises to run on at once", -8, "accuracy"),
    ]
    assert (first.domain, second.domain) == ("context_seeking", "global_health")
    assert first.leaves[0].tags == ("level:example", "axis:completeness")
    assert first.metadata["canary"] == "made up"


def test_researchrubrics_is_ternary_and_reads_both_of_its_tables():
    """Graded met or not only, half of a point would be lost or won on every second line."""
    first, second = load_tasks(FILES["researchrubrics"]).tasks
    assert {c.kind for task in (first, second) for c in task.leaves} == {"ternary"}
    assert leaf(first)[1] == ("Cites a source older than ten years as current", -3.0, "References")
    assert leaf(second) == [("Gives the height of its tides", 1.0, "Accuracy")]
    assert (first.id, second.id, first.domain) == ("rr-1", "rr-2", "Energy")


def test_prbench_takes_the_weight_of_the_weight_class_and_shows_references():
    """Old weights stand in the other fields; the reference is what the question is about."""
    (task,) = load_tasks(FILES["prbench"]).tasks
    assert [(c.id, c.weight) for c in task.leaves] == [("r-1", 9), ("r-2", 5), ("r-3", -6)]
    first, second, third = task.question.messages
    assert first.content == "Reference Text 0:\nPayment: 100 a month.\n\nHow is this lease booked?"
    assert (second.content, third.content) == ("Which standard applies?", "IFRS 16.")
    assert task.leaves[0].tags == ("critically important",)


def test_profbench_turns_words_into_weights():
    """Critical counts four times what Additional does."""
    first, second = load_tasks(FILES["profbench"]).tasks
    assert leaf(first) == [
        ("States a pH between 4 and 5", 4.0, "Reasoning"),
        ("Uses two digits", 1.0, "Style"),
    ]
    assert {first.domain, second.domain} == {"Chemistry PhD", "Finance MBA"}
    assert POLICIES[first.score].over == "domains"


def test_a_paper_is_a_tree_whose_leaves_carry_their_share():
    """Graded flat, a branch with many leaves would weigh more than its parent says."""
    (task,) = load_tasks(FILES["paperbench"]).tasks
    assert task.question.prompt == "The toy paper has been reproduced."
    assert [(c.id, c.weight, c.section) for c in task.leaves] == [
        ("loss", pytest.approx(0.75 * 2 / 3), "Code Development"),
        ("seed", pytest.approx(0.75 / 3), "Code Development"),
        ("table", pytest.approx(0.25), "Result Analysis"),
    ]


def test_rubrics_as_rewards_keep_pitfalls_negative():
    """The rows have no id, and the same question must keep its name in every split."""
    (task,) = load_tasks(FILES["rar"]).tasks
    assert [w for _, w, _ in leaf(task)] == [5, 3, -2]
    assert [s for *_, s in leaf(task)] == ["Essential", "Important", "Pitfall"]
    assert len(task.id) == 12
    assert task.metadata["reference_answer"] == "It is less dense."


def test_wildbench_is_one_grade_guided_by_the_checklist():
    """Its score is a grade from 1 to 10, not the share of a checklist."""
    (task,) = load_tasks(FILES["wildbench"]).tasks
    (criterion,) = task.leaves
    assert (criterion.kind, criterion.scale, task.id) == ("ordinal", (1.0, 10.0), "7")
    assert criterion.requirement.endswith("- Does it have five lines?\n- Does it rhyme aabba?")
    assert [m.role for m in task.question.messages] == ["user", "assistant", "user"]


def test_deepresearch_joins_criteria_and_references_of_one_id():
    """Without its reference a report has no score; the two are in different files."""
    (task,) = load_tasks(FILES["deepresearch-bench"]).tasks
    assert task.id == "51"
    assert task.reference == "Ferries without crews run in two harbours."
    assert {c.kind for c in task.leaves} == {"reference"}
    assert sum(c.weight for c in task.leaves) == pytest.approx(1.0)
    assert task.leaves[0].weight == pytest.approx(0.4 * 0.6)
    assert task.leaves[0].section == "comprehensiveness"


def test_fusionharness_rows_need_no_ids():
    """Its users write a text and a weight, and nothing else."""
    first, second = load_tasks(FILES["fusionharness"]).tasks
    assert [w for _, w, _ in leaf(first)] == [3, -2]
    assert leaf(second)[0][0] == "Names streaming"
    assert second.domain == "engineering"
    assert len({c.id for c in first.leaves}) == 2


def test_openfusion_rows_are_checked_as_they_are_matched():
    """`contains` looked for the whole answer, and would never be met."""
    number, word, inside = load_tasks(FILES["openfusion"]).tasks
    assert (number.check, word.check, inside.check) == ("numeric", "exact", "regex")
    assert check(number, "Answer: 51.0").verdict == "met"
    assert check(inside, "I would say: TITAN\n(Moon), of course.").verdict == "met"
    assert check(inside, "Titan, the moon.").verdict == "unmet"
    assert inside.metadata == {"note": "any spacing"}


BAD = {
    ("healthbench", ("rubrics", 1, "points")): (None, "healthbench: rubrics[1]: 'points' is missing"),
    ("healthbench", ("rubrics", 0, "points")): (0, "healthbench: rubrics[0].points: should be a number other than 0, not 0"),
    ("healthbench", ("prompt",)): ("text", "healthbench: prompt is missing, or not JSON"),
    ("researchrubrics", ("rubrics", 0, "weight")): ("5", "researchrubrics: rubrics[0].weight: should be a number other than 0, not '5'"),
    ("researchrubrics", ("rubrics",)): ([], "researchrubrics: rubrics: should be a list of objects, not []"),
    ("prbench", ("rubric", 2, "annotations", "weight_class")): ("important", "prbench: rubric[2].annotations: 'important_weight' is missing"),
    ("prbench", ("prompt_0",)): ("", "prbench: prompt_0: should be a text, not ''"),
    ("profbench", ("rubrics", 1, "criterion_weight")): ("Huge", "profbench: rubrics[1].criterion_weight: should be one of Critical, Major, Minor, Additional, not 'Huge'"),
    ("rar", ("rubric", 0)): ("x", "rar: rubric[0]: should be an object, not 'x'"),
    ("wildbench", ("checklist",)): ([], "wildbench: 'checklist' is missing or empty"),
    ("openfusion", ("match",)): ("fuzzy", "openfusion: match: should be one of exact, numeric, contains, not 'fuzzy'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case[0]}-{'.'.join(map(str, case[1]))}")
def test_a_bad_row_is_named_with_its_line_in_its_own_words(case, write):
    """`criteria.0.weight` means nothing to somebody whose file says `points`."""
    name, path = case
    value, wanted = BAD[case]
    bad = copy.deepcopy(rows(name)[0])
    place = bad
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    good = rows(name)[1:]
    source = write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in [*good, bad]))
    with pytest.raises(TaskFileError) as caught:
        load_tasks(source)
    (problem,) = [p.replace(f"{source.parent}/", "") for p in caught.value.problems]
    wanted = wanted.replace("prompt is missing", "'prompt' is missing")
    assert problem == f"rows.jsonl:{len(good) + 1}: {wanted}"


def test_all_problems_of_all_rows_come_at_once(write):
    """Eighteen thousand criteria are not mended one run at a time."""
    first, second = rows("healthbench")
    del first["rubrics"][0]["points"], first["rubrics"][2]["criterion"]
    del second["prompt_id"]
    second["prompt_id"] = ""
    source = write("rows.jsonl", json.dumps(first) + "\n\n" + json.dumps(second) + "\n")
    with pytest.raises(TaskFileError) as caught:
        load_tasks(source)
    assert [p.partition("rows.jsonl:")[2] for p in caught.value.problems] == [
        "1: healthbench: rubrics[0]: 'points' is missing",
        "1: healthbench: rubrics[2]: 'criterion' is missing",
        "3: healthbench: prompt_id: should be a text, not ''",
    ]


def test_a_shape_that_says_nothing_can_be_named(write):
    """fusionHarness with our word for a criterion's text looks like a mistake of ours."""
    row = {"id": "a", "prompt": "p", "criteria": [{"requirement": "r", "weight": 1}]}
    assert format_of(row) is None
    text = json.dumps({"format": "fusionharness", "tasks": [row]})
    assert load_tasks(write("t.yaml", text)).tasks[0].leaves[0].requirement == "r"
    with pytest.raises(TaskFileError, match="unknown format 'fusionharnes'; did you mean"):
        load_tasks(write("u.yaml", text.replace("harness", "harnes")))


def test_the_versions_of_a_rubric_have_different_hashes(write):
    """PRBench's hub copy lost 664 criteria without a new name: its scores are not the same."""
    (row,) = rows("prbench")
    shorter = {**row, "rubric": row["rubric"][:2]}
    (one,) = load_tasks(write("a.jsonl", json.dumps(row))).tasks
    (two,) = load_tasks(write("b.jsonl", json.dumps(shorter))).tasks
    assert one.id == two.id
    assert one.hash != two.hash
    assert one.rubric_hash != two.rubric_hash
    with pytest.raises(TaskFileError, match="task id 'pr-1' is there twice"):
        load_task_files([write("a.jsonl", json.dumps(row)), write("b.jsonl", json.dumps(shorter))])


plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
anything = st.recursive(
    plain, lambda e: st.lists(e, max_size=2) | st.dictionaries(st.text(max_size=5), e, max_size=2)
)
KEYS = sorted(
    {key for name in FILES if FILES[name].suffix == ".jsonl" for row in rows(name) for key in row}
)


@pytest.mark.parametrize("name", FORMATS)
@given(row=st.dictionaries(st.sampled_from(KEYS), anything, max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_row_makes_an_adapter_raise_anything_but_its_own_words(name, row):
    """A traceback from the middle of an adapter names neither the file nor the line."""
    with contextlib.suppress(ValueError):
        assert isinstance(FORMATS[name].row(row), dict)


# What a policy cannot score, and what our own format says of trees

GROUPED = """\
tasks:
  - id: a
    prompt: p
    score: {policy}
    criteria:
      - id: g
        weight: {weight}
        criteria:
          - {{id: c, weight: 1, requirement: r{more}}}
          - {{id: d, weight: 3, requirement: s{more}}}
"""


@pytest.mark.parametrize(
    ("policy", "weight", "more", "said"),
    [
        ("paperbench", 2, "", None),
        ("draco", 2, "", "task 'a' has groups, which 'draco' does not score"),
        ("paperbench", -2, "", "'g' has weight -2; 'paperbench' needs weights above 0"),
        ("paperbench", 2, ", kind: reference", "'paperbench' compares none with a reference"),
        (
            "deepresearch-bench",
            2,
            "",
            "'deepresearch-bench' compares every criterion with a reference",
        ),
        ("deepresearch-bench", 2, ", kind: reference", "has no `reference` answer"),
    ],
)
def test_a_rubric_that_its_policy_cannot_score_is_refused(policy, weight, more, said, write):
    """Found after the run, it is found after the money."""
    source = write("t.yaml", GROUPED.format(policy=policy, weight=weight, more=more))
    if said is None:
        assert [c.weight for c in load_tasks(source).tasks[0].leaves] == [0.25, 0.75]
        return
    with pytest.raises(TaskFileError) as caught:
        load_tasks(source)
    assert any("t.yaml:5: " in p and said in p for p in caught.value.problems)


@pytest.mark.parametrize("policy", ["healthbench", "prbench-points", "rar"])
def test_a_rubric_of_errors_alone_needs_a_policy_that_scores_it(policy, write):
    """Every answer would be without a score, and every mean empty."""
    text = f"tasks: [{{id: a, prompt: p, score: {policy}, criteria: [{{id: c, weight: -1, requirement: r}}]}}]"
    with pytest.raises(TaskFileError, match="gives no score to task 'a'"):
        load_tasks(write("t.yaml", text))


def test_a_group_with_a_mistake_inside_says_where(write):
    """Six levels down nobody finds it by reading."""
    source = write(
        "t.yaml",
        GROUPED.format(policy="paperbench", weight=2, more="").replace(
            "d, weight: 3", "c, wait: 3"
        ),
    )
    with pytest.raises(TaskFileError) as caught:
        load_tasks(source)
    said = [p.partition("t.yaml:")[2] for p in caught.value.problems]
    assert said == [
        "10: 'weight' is missing",
        "10: unknown key 'wait'; did you mean 'weight'?",
        "10: criterion id 'c' of task 'a' is there twice; rename one",
    ]


# Small things


@pytest.mark.parametrize("target", ["1.10", "1e3", "+7", "42", "0.50"])
def test_a_number_that_is_a_target_stays_as_it_is_written(target, write):
    """`1.10` as a version number is not `1.1`."""
    text = f"tasks: [{{id: a, prompt: p, target: {target}}}]"
    assert load_tasks(write("t.yaml", text)).tasks[0].target == target


def test_half_a_character_is_refused_with_its_line(write):
    """It would break the hash, or the first request, in the middle of a run."""
    good = json.dumps({"id": "a", "prompt": "whole \U0001f30a", "target": "x"})
    bad = json.dumps({"id": "b", "prompt": "half \ud83c", "target": "x"})
    with pytest.raises(TaskFileError) as caught:
        load_tasks(write("t.jsonl", f"{good}\n{bad}\n"))
    (problem,) = caught.value.problems
    assert problem.endswith(
        "t.jsonl:2: holds half a character ('\\ud83c'); remove it, or write it whole"
    )


@pytest.mark.parametrize(
    ("target", "answer", "word"),
    [
        (r"\b1[0-9]{3}\b", "It was in 1492.", "met"),
        (r"^\d+$", "42 or so", "unmet"),
        (r"(a+)+$", "a" * 60 + "b", "unreadable"),
    ],
)
def test_a_pattern_is_found_or_not_and_never_hangs(target, answer, word, write, monkeypatch):
    """An answer can be made so that a pattern takes years; that says nothing about the answer."""
    monkeypatch.setattr("fusion_eval.grading.pattern.SECONDS", 1.0)
    text = json.dumps({"tasks": [{"id": "a", "prompt": "p", "target": target, "check": "regex"}]})
    verdict = check(load_tasks(write("t.yaml", text)).tasks[0], answer)
    assert (verdict.verdict, verdict.value) == (word, {"met": 1.0, "unmet": 0.0}.get(word))


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        ("regex", "(", "target is no pattern"),
        ("code", "print(1)", "target of check: code, line 1 is not a test"),
    ],
)
def test_a_target_that_its_check_cannot_use_is_refused(kind, target, said, write):
    """Every answer would be wrong, or the run would stop at the first."""
    text = json.dumps({"tasks": [{"id": "a", "prompt": "p", "target": target, "check": kind}]})
    with pytest.raises(TaskFileError, match=said):
        load_tasks(write("t.yaml", text))
