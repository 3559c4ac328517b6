"""Score policies against the published formulas, by hand, on random rubrics and on public data."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_policies import METHODS, POSITIVE_ONLY, PUBLISHED, document, tree_task, verdicts

from fusion_eval.core import POLICIES, Criterion, Verdict, score_of, section_scores

PUBLIC = Path(__file__).parents[2] / "results" / "draco-public"
OPEN = None
NAMES = sorted(POLICIES)
ERRORS = sorted(set(POLICIES) - POSITIVE_ONLY)


# By hand

W = [10, 6, 4, -8, -12]


@pytest.mark.parametrize(
    ("name", "weights", "values", "expected"),
    [
        # DRACO: (10 + 4 - 8) / 20; cut at 0 and never above 1; errors alone: 1 - 8/20
        ("draco", W, [1, 0, 1, 1, 0], 0.3),
        ("draco", W, [0, 0, 1, 1, 1], 0.0),
        ("draco", W, [1, 1, 1, 0, 0], 1.0),
        ("draco", [-8, -12], [1, 0], 0.6),
        # HealthBench: the example is not cut, and has no score without positive points
        ("healthbench", W, [0, 0, 1, 1, 1], -0.8),
        ("healthbench", W, [1, 0, 1, 1, 0], 0.3),
        ("healthbench", [-8, -12], [0, 0], None),
        # ResearchRubrics: halves count half, also of errors; 0 without positive weight
        ("researchrubrics", W, [0.5, 1, 0, 0.5, 0], 0.35),
        ("researchrubrics", W, [0, 0, 0, 1, 1], -1.0),
        ("researchrubrics", [-8], [1], 0.0),
        # PRBench: from the worst total (-20) to the best (20); and points over positive points
        ("prbench", W, [1, 0, 1, 1, 0], 26 / 40),
        ("prbench", W, [0, 0, 0, 1, 1], 0.0),
        ("prbench", W, [1, 1, 1, 0, 0], 1.0),
        ("prbench", [-8, -12], [1, 0], 12 / 20),
        ("prbench-points", W, [0, 0, 0, 1, 1], -1.0),
        ("prbench-points", [-8], [0], None),
        # Rubrics as Rewards: over the sum of all weights (19 with the pitfall), cut to 0 to 1
        ("rar", [5, 3, 1, 1, -1], [1, 1, 0, 0, 0], 8 / 9),
        ("rar", [5, 3, 1, 1, -1], [1, 1, 1, 1, 0], 1.0),
        ("rar", [5, -1], [0, 1], 0.0),
        ("rar", [1, -1], [1, 0], None),
        # ProfBench: Critical 4, Major 3, Minor 2, Additional 1
        ("profbench", [4, 3, 2, 1], [1, 0, 1, 1], 0.7),
        # WildBench: the grade 8 of 10 is worth 2 * (8 - 5) = 6 of 10, the grade 1 is worth -8
        ("wildbench", [1], [7 / 9], 0.6),
        ("wildbench", [1], [0], -0.8),
        ("wildbench", [1], [1], 1.0),
        # each section to 0 to its positive weight: x gives 10 of 16, y's error takes only y's 4
        ("draco-sections", [10, 6, 4, -12], [1, 0, 1, 1], 0.5),
        ("draco-sections", [10, 6, -12, -4], [1, 0, 1, 0], 0.0),
    ],
)  # fmt: skip
def test_a_policy_gives_what_the_benchmark_would(name, weights, values, expected):
    """A published score and ours would otherwise be two different things under one name."""
    sections = {4: "xxyy", 5: "xxxxx", 3: "xxx"}.get(len(weights), "x" * len(weights))
    score = POLICIES[name](verdicts(weights, values, list(sections)))
    assert score.value == (expected if expected is None else pytest.approx(expected, abs=1e-12))
    if expected is not None:
        assert (score.low, score.high) == pytest.approx((expected, expected))


def test_a_tree_scores_each_node_as_the_weighted_mean_of_its_children():
    """PaperBench: root = (3 * (1*1 + 1*0)/2 + 1 * (2*1 + 6*0)/8) / 4."""
    task = tree_task((3, [1, 1]), (1, [2, 6]))
    leaves = task.leaves
    assert [leaf.weight for leaf in leaves] == [3 / 8, 3 / 8, 1 / 16, 3 / 16]
    assert [leaf.section for leaf in leaves] == ["g0", "g0", "g1", "g1"]
    score = POLICIES["paperbench"](verdicts([leaf.weight for leaf in leaves], [1, 0, 1, 0]))
    assert score.value == pytest.approx((3 * 0.5 + 1 * 0.25) / 4)


def test_a_reference_turns_grades_into_a_share():
    """RACE: T = .6*(.5*.8 + .5*.6) + .4*.9 = .78, R = .6*(.5*.5 + .5*.7) + .4*.3 = .48."""
    task = tree_task((0.6, [0.5, 0.5]), (0.4, [1.0]), score="deepresearch-bench")
    weights = [leaf.weight for leaf in task.leaves]
    policy = POLICIES["deepresearch-bench"]
    score = policy(verdicts(weights, [0.8, 0.6, 0.9], references=[0.5, 0.7, 0.3]))
    assert score.value == pytest.approx(0.78 / (0.78 + 0.48))
    assert policy(verdicts(weights, [0, 0, 0], references=[0, 0, 0])).value == 0.0
    half = policy(verdicts(weights, [0.8, 0.6, OPEN], references=[0.5, 0.7, 0.3]))
    assert (half.low, half.high) == pytest.approx((0.42 / 0.90, 0.82 / 1.30))
    unread = policy(verdicts(weights, [0.8, 0.6, 0.9], references=[0.5, 0.7, OPEN]))
    assert (unread.low, unread.high) == pytest.approx((0.78 / 1.54, 0.78 / 1.14))
    assert unread.coverage == 2 / 3


def test_the_table_in_the_docs_is_what_the_policies_give():
    """Who compares benchmarks reads that table; `python tests/made_policies.py` writes it."""
    assert METHODS.read_text(encoding="utf-8") == document()


# Random rubrics

weights_of_errors_too = st.integers(-20, 20).filter(bool)
weights_of_merits = st.integers(1, 20)
values = st.sampled_from([0.0, 0.5, 1.0])


def rubrics(name: str, open_too: bool = False):
    """Rows of (weight, value, reference value, section)."""
    weight = weights_of_merits if name in POSITIVE_ONLY else weights_of_errors_too
    value = st.one_of(values, st.none()) if open_too else values
    row = st.tuples(weight, value, values, st.sampled_from("xy"))
    return st.lists(row, min_size=1, max_size=7)


def scored(name, rows):
    weights, given_, references, sections = zip(*rows, strict=True)
    return POLICIES[name](verdicts(weights, given_, sections, references))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_complete_grading_gives_the_published_score(name, data):
    """One sign or denominator wrong would show in some rubric, if not in the ones by hand."""
    rows = data.draw(rubrics(name))
    weights, given_, references, _ = zip(*rows, strict=True)
    expected = PUBLISHED[name](weights, given_, references)
    score = scored(name, rows)
    assert (score.value is None) == (expected is None)
    if expected is not None:
        assert score.value == pytest.approx(expected, abs=1e-12)
        assert score.low == pytest.approx(score.high)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_merit_never_hurts_and_an_error_never_helps(name, data):
    """With a sign turned round the best answer would come last."""
    rows = data.draw(rubrics(name))
    i = data.draw(st.integers(0, len(rows) - 1))
    weight, _, *rest = rows[i]
    worse, better = sorted((0.0, 1.0), key=lambda value: value * weight)
    low, high = (
        scored(name, [*rows[:i], (weight, v, *rest), *rows[i + 1 :]]) for v in (worse, better)
    )
    assume(low.value is not None)
    assert low.value <= high.value + 1e-12
    if name not in {"draco", "draco-sections", "rar", "deepresearch-bench", "researchrubrics"}:
        assert low.value < high.value  # these never cut a task


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_neither_the_order_of_a_rubric_nor_the_unit_of_its_weights_changes_a_score(name, data):
    """A rubric in tenths, or sorted otherwise, is the same rubric."""
    rows = data.draw(rubrics(name, open_too=True))
    shuffled = data.draw(st.permutations(rows))
    factor = data.draw(st.sampled_from([0.1, 3.0, 1000.0]))
    first = scored(name, rows)
    for other in (scored(name, shuffled), scored(name, [(w * factor, *r) for w, *r in rows])):
        assert (first.value is None) == (other.value is None)
        for part in (
            "low",
            "high",
            "coverage",
            *(["value", "raw"] if first.value is not None else []),
        ):
            assert getattr(first, part) == pytest.approx(getattr(other, part), abs=1e-9), part


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_bounds_hold_every_completion_are_reached_and_hold_the_score(name, data):
    """A missing verdict on an error can help or hurt; bounds that forget one are wrong."""
    rows = data.draw(rubrics(name, open_too=True))
    score = scored(name, rows)
    choices = [(0.0, 1.0) if value is None else (value,) for _, value, *_ in rows]
    complete = [
        scored(name, [(w, v, *rest) for (w, _, *rest), v in zip(rows, filled, strict=True)]).value
        for filled in itertools.product(*choices)
    ]
    assume(None not in complete)
    assert (score.low, score.high) == pytest.approx((min(complete), max(complete)), abs=1e-12)
    assert score.coverage == pytest.approx(sum(v is not None for _, v, *_ in rows) / len(rows))
    if score.value is not None:
        assert score.low - 1e-12 <= score.value <= score.high + 1e-12


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_mean_of_several_gradings_stays_inside_its_bounds(name, data):
    """One pass that read nothing had no value but had bounds, and the mean could leave them."""
    rows = data.draw(rubrics(name, open_too=True))
    other = data.draw(
        st.lists(st.one_of(values, st.none()), min_size=len(rows), max_size=len(rows))
    )
    weights, first, references, sections = zip(*rows, strict=True)
    gradings = [
        *verdicts(weights, first, sections, references),
        *verdicts(weights, [OPEN] * len(rows), sections, references, grader_pass=1),
        *verdicts(weights, other, sections, references, grader="h"),
    ]
    score = score_of(POLICIES[name], gradings)
    if score.value is not None:
        assert score.low - 1e-12 <= score.value <= score.high + 1e-12


def test_a_pass_that_read_nothing_pulls_the_mean_into_its_bounds():
    """1 in one pass, 0 to .2 in the other: a mean of 1 is impossible, .6 is the most."""
    read = verdicts([8, 2], [1, 1])
    unread = [*verdicts([8], [0], grader_pass=1), *verdicts([2], [OPEN], grader_pass=1)]
    half = score_of(POLICIES["draco"], [*read, *unread])
    assert (half.value, half.low, half.high) == pytest.approx((0.5, 0.5, 0.6))
    nothing = verdicts([8, 2], [OPEN, OPEN], grader_pass=1)
    errors = verdicts([8, 2, -5], [OPEN, OPEN, 1], grader_pass=1)
    score = score_of(POLICIES["draco"], [*verdicts([8, 2, -5], [1, 1, 0]), *errors])
    assert (score.low, score.high) == pytest.approx((0.5, 0.75))
    assert score.value == pytest.approx(0.75)
    assert score_of(POLICIES["draco"], nothing).value is None


def test_two_graders_with_the_same_pass_number_are_two_gradings():
    """Mixed into one they would be scored as one rubric of twice the length."""
    both = [*verdicts([10, -5], [1, 0]), *verdicts([10, -5], [0, 1], grader="h")]
    assert score_of(POLICIES["healthbench"], both).value == pytest.approx((1.0 - 0.5) / 2)


trees = st.recursive(
    st.integers(1, 9),
    lambda below: st.tuples(st.integers(1, 9), st.lists(below, min_size=1, max_size=3)),
    max_leaves=8,
)


@given(tree=st.lists(trees, min_size=1, max_size=3), data=st.data())
@settings(max_examples=60, deadline=None)
def test_shares_of_leaves_give_the_recursive_mean_of_any_tree(tree, data):
    """PaperBench's trees are six levels deep; two levels by hand do not prove the rest."""
    numbers = itertools.count()

    def node(part) -> Criterion:
        name = f"n{next(numbers)}"
        if isinstance(part, int):
            return Criterion(id=name, requirement=name, weight=float(part))
        weight, below = part
        return Criterion(id=name, weight=float(weight), criteria=tuple(node(b) for b in below))

    criteria = tuple(node(part) for part in tree)
    task = tree_task((1, [1])).model_copy(update={"criteria": criteria})
    given_ = {leaf.id: data.draw(values) for leaf in task.leaves}

    def recursive(parts) -> float:
        total = sum(p.weight for p in parts)
        return (
            sum(p.weight * (recursive(p.criteria) if p.criteria else given_[p.id]) for p in parts)
            / total
        )

    weights = [leaf.weight for leaf in task.leaves]
    assert sum(weights) == pytest.approx(1.0) or not any(c.criteria for c in criteria)
    score = POLICIES["paperbench"](verdicts(weights, list(given_.values())))
    assert score.value == pytest.approx(recursive(criteria), abs=1e-12)


# Public data


@pytest.fixture(scope="module")
def gradings() -> dict[tuple[str, str], list[Verdict]]:
    """(system, task) -> its public verdicts, with DRACO's weights and sections."""
    criteria = pq.read_table(PUBLIC / "criteria.parquet").to_pydict()
    names = zip(criteria["task_id"], criteria["criterion_id"], strict=True)
    known = dict(zip(names, zip(criteria["weight"], criteria["section"], strict=True), strict=True))
    rows = pq.read_table(PUBLIC / "verdicts.parquet").to_pydict()
    columns = [rows[name] for name in ("system", "task_id", "criterion_id", "verdict")]
    found = defaultdict(list)
    for system, task, criterion, met in zip(*columns, strict=True):
        weight, section = known[task, criterion]
        found[system, task].append(
            Verdict(
                criterion=criterion, section=section, weight=float(weight), grader="g",
                grader_pass=0, verdict="met" if met else "unmet", value=float(met),
            )
        )  # fmt: skip
    return found


def by_the_book(part: list[Verdict]) -> float:
    """clamp(sum of weights met / sum of positive weights, 0, 1)."""
    got = sum(v.weight for v in part if v.verdict == "met")
    return min(1.0, max(0.0, got / sum(v.weight for v in part if v.weight > 0)))


def test_all_public_scores_follow_by_task_and_by_section(gradings):
    """1,990 answers, each with four sections: what was published is what we would publish."""
    errors, sections = [], []
    for part in gradings.values():
        errors.append(abs(score_of(POLICIES["draco"], part).value - by_the_book(part)))
        for section, score in section_scores(POLICIES["draco"], part).items():
            inside = [v for v in part if v.section == section]
            if any(v.weight > 0 for v in inside):
                sections.append(abs(score.value - by_the_book(inside)))
    assert len(errors) == len(gradings) == 1990
    assert len(sections) > 4 * 1900
    assert max(errors + sections) < 1e-9
