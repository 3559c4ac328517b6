"""Tables as people bring them: failures in other spellings, doubles, orders, names, indices."""

import contextlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import fusion_eval as fe
from fusion_eval.errors import StatisticsError


def table(n=20, repeats=2, seed=0, cluster=False):
    """Three recipes on n tasks; costs and latencies known."""
    rng = np.random.default_rng(seed)
    rows = [
        {"task": f"t{t}", "recipe": r, "repeat": k, "strategy": "solo", "cost_usd": 0.01 * (j + 1),
         "latency_s": 1.0 + j, "score": float(np.clip(level + gain + rng.normal(0, 0.1), 0, 1))}
        for t, level in enumerate(rng.uniform(0.3, 0.7, n)) for k in range(repeats)
        for j, (r, gain) in enumerate({"solo": 0.0, "panel": 0.05, "vote": 0.02}.items())
    ]  # fmt: skip
    made = pd.DataFrame(rows)
    return made.assign(cluster=made["task"].str[:2]) if cluster else made


@pytest.mark.parametrize("empty", [False, 0, 0.0, "", "none", "None", "false", "no", "  ", None])
def test_a_harness_may_say_in_its_own_way_that_nothing_failed(empty):
    """A column of False made every answer a failure and every score 0."""
    plain = table()
    spelled = plain.assign(failure=empty)
    pd.testing.assert_frame_equal(fe.scores(spelled), fe.scores(plain))
    assert fe.failures(spelled)["answers"].iloc[0] == 0


def test_an_answer_that_failed_still_counts_0_however_it_is_spelled():
    """The other way round a crash would leave no trace."""
    plain = table(repeats=1)
    for yes in (True, 1, "timeout"):
        marked = plain.assign(failure=[yes, *[type(yes)() for _ in range(len(plain) - 1)]])
        found = fe.failures(marked).set_index(["recipe", "reading"])
        assert found.loc[("solo", "failure rate"), "answers"] == 1
        assert found.loc[("panel", "failure rate"), "answers"] == 0
        assert fe.scores(marked)["score"].iloc[0] < fe.scores(plain)["score"].iloc[0]


def test_rows_that_contradict_each_other_are_refused_by_name():
    """Averaged, `pd.concat([b, b.assign(score=0)])` halves every score without a word."""
    plain = table()
    with pytest.raises(StatisticsError, match=r"240 rows contradict.*'t0'.*'solo'.*repeat 0"):
        fe.compare(pd.concat([plain, plain.assign(score=0.0)]))


def test_copies_of_a_row_count_once_and_are_named():
    """A join that exploded made six repeats of three, and an interval that is too narrow."""
    plain = table()
    doubled = pd.concat([plain, plain])
    for estimand in ("new tasks", "these tasks"):
        once, twice = (fe.compare(t, estimand=estimand) for t in (plain, doubled))
        assert list(once["se"]) == list(twice["se"])
    assert "120 rows that repeat another are left out" in twice["caveat"].iloc[0]
    assert fe.power(doubled).loc[0, "repeats_now"] == 2
    assert fe.power(doubled).loc[0, "tasks"] == fe.power(plain).loc[0, "tasks"]


@pytest.mark.parametrize("estimand", ["new tasks", "new domains"])
def test_an_index_with_doubles_as_concat_leaves_it_works(estimand):
    """The commonest way to put two runs together ended in `cannot reindex`."""
    plain = table(cluster=True).assign(domain=lambda t: t["cluster"])
    first, second = (plain[plain["recipe"] == r] for r in ("solo", "panel"))
    both = pd.concat([first.reset_index(drop=True), second.reset_index(drop=True)])
    assert not both.index.is_unique
    expected = fe.compare(both.reset_index(drop=True), estimand=estimand)
    pd.testing.assert_frame_equal(fe.compare(both, estimand=estimand), expected)
    for verb in (fe.scores, fe.pareto, fe.power, fe.ranks):
        assert len(verb(both))


NUMBERS = {
    "compare": lambda t: fe.compare(t),
    "ranks": lambda t: fe.ranks(t),
    "best": lambda t: fe.best(t).drop(columns="maybe_best"),
    "scaling": lambda t: fe.scaling(t, {"solo": 1, "vote": 2, "panel": 4}),
    "power": lambda t: fe.power(t),
}


@pytest.mark.parametrize("verb", NUMBERS)
@pytest.mark.parametrize("change", ["rows", "tasks", "numbers"])
def test_no_number_depends_on_the_order_of_rows_or_the_names_of_tasks(verb, change):
    """Sixty tasks: flips and resamples are random then, and were dealt by name."""
    plain = table(n=60)
    names = {f"t{t}": f"{(37 * t) % 60:03d}" for t in range(60)}
    other = {
        "rows": plain.sample(frac=1, random_state=3),
        "tasks": plain.assign(task=plain["task"].map(names)),
        "numbers": plain.assign(task=plain["task"].map(names).astype(int)),
    }[change]
    a, b = (NUMBERS[verb](t).select_dtypes("number") for t in (plain, other))
    key = lambda t: t.sort_values(list(t.columns), ignore_index=True)  # noqa: E731
    pd.testing.assert_frame_equal(key(a), key(b), rtol=1e-9, atol=1e-12)


def test_no_number_depends_on_the_names_of_recipes():
    """An adjusted p that hangs on an alphabet is no p."""
    plain = table(n=60)
    other = plain.assign(recipe=plain["recipe"].map({"solo": "z", "panel": "a", "vote": "m"}))
    for verb in (fe.compare, fe.ranks):
        a, b = (verb(t).select_dtypes("number") for t in (plain, other))
        pd.testing.assert_frame_equal(a, b, rtol=1e-9, atol=1e-12)


def test_without_a_column_repeat_a_plan_does_not_depend_on_the_order_of_rows():
    """Paired by row order, shuffling moved the plan from 34 to 37 tasks."""
    plain = table(n=30, repeats=3).drop(columns="repeat")
    plans = [fe.power(plain.sample(frac=1, random_state=k)) for k in range(3)]
    for name in ("interaction", "draw", "tasks"):
        assert plans[0][name].to_numpy() == pytest.approx(plans[1][name].to_numpy())
        assert plans[0][name].to_numpy() == pytest.approx(plans[2][name].to_numpy())
    assert "no column `repeat`" in fe.compare(plain)["caveat"].iloc[0]


class Arrow:
    """A table of a library that hands over Arrow, as polars and DuckDB do."""

    def __init__(self, frame):
        self._table = pa.Table.from_pandas(frame, preserve_index=False)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def forms(frame, folder):
    """The same table as everything that somebody may have it in."""
    frame.to_parquet(folder / "t.parquet")
    frame.to_csv(folder / "t.csv", index=False)
    made = [Arrow(frame), pa.Table.from_pandas(frame), folder / "t.parquet", str(folder / "t.csv")]
    with contextlib.suppress(ImportError):
        import polars

        made.append(polars.from_pandas(frame))
    with contextlib.suppress(ImportError):
        import duckdb

        made.append(duckdb.from_df(frame))
    return made


@pytest.mark.parametrize("name", ["compare", "pareto", "decisions", "power", "best"])
def test_the_same_numbers_in_any_library_give_the_same_frame(name, tmp_path):
    """A table of polars or Arrow ended in a traceback, and a path in another."""
    plain = getattr(fe, name)(table(n=10))
    for form in forms(table(n=10), tmp_path):
        other = getattr(fe, name)(form)
        pd.testing.assert_frame_equal(other, plain, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "option", "meant"),
    [("compare", "margn", "margin"), ("pareto", "levle", "level"), ("decisions", "sed", "seed"),
     ("power", "referense", "reference")],
)  # fmt: skip
def test_a_misspelt_option_is_answered_with_the_one_that_was_meant(name, option, meant):
    """`margn=2` is no margin."""
    what = f"{name}: no option '{option}'; did you mean '{meant}'"
    with pytest.raises(StatisticsError, match=what):
        getattr(fe, name)(table(), **{option: 1})


def test_a_margin_that_looks_like_a_share_is_asked_about():
    """Within .02 of 100 points nothing is ever equivalent, and nobody is told why."""
    with pytest.raises(StatisticsError, match=r"0\.02 points of 100.*given in points: margin=2"):
        fe.compare(table(), "solo", margin=0.02)
