"""Variance components of recipes from their tables, and what buys the most precision per dollar."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from fusion_eval.core.score_table import GRADING
from fusion_eval.frames import is_simulated, recipes, scored, task_key
from fusion_eval.stats.components import WORDS, Components, components
from fusion_eval.stats.estimates import Floats, t_quantile
from fusion_eval.stats.family import check_level
from fusion_eval.stats.results import refuse_unknown, result
from fusion_eval.stats.tables import tidied
from fusion_eval.stats.verdicts import graded

COLUMNS = (
    "recipe", "component", "variance", "sd", "low", "high", "share", "n", "repeats", "graders",
    "passes", "estimand", "method", "caveat",
)  # fmt: skip
PRECISION = (
    "recipe", "more", "now", "se_now", "se_doubled", "usd_now", "usd_doubled",
    "variance_per_usd", "best", "optimal", "caveat",
)  # fmt: skip
_CELLS = ["repeat", "grader", "grader_pass"]


def variance(
    table: pd.DataFrame, reference: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Where the variance of each recipe's score comes from, one row per recipe and component.

    Parameters
    ----------
    table : trials (their repeats show draws), verdicts (`frames.verdicts`: graders and passes
        too, each scored by the `policy` of its task; a failed answer has none and its task is left
        out), or any table with `task`, `recipe`, `score` and optional `repeat`, `grader`,
        `grader_pass`
    reference : take the differences to this recipe instead of each recipe's own scores; then
        `task` is how much the lead differs between tasks
    level : of the delete-one-task jackknife intervals

    Returns
    -------
    DataFrame, columns `COLUMNS`. `variance` is in squared score units (0 to 1), `sd` its root
    (NaN if negative), `share` of the variance of one answer graded once. Only components that the
    design can tell have a row; the caveat says what hides in which. Only tasks with every repeat,
    grader and pass are used (`n`).

    Raises
    ------
    StatisticsError : unknown reference; a column is missing
    """
    check_level(level)
    found: list[dict[str, object]] = []
    long = _cells(table)
    notes = ["SIMULATED"] if is_simulated(table) else []
    notes += [long.attrs["assumed"]] if long.attrs.get("assumed") else []
    for name, cells, lost in _balanced(long, reference):
        found += _rows(name, cells, lost, level, notes)
    return result(found, COLUMNS, table, level=level)


def precision(
    trials: pd.DataFrame, verdicts: pd.DataFrame | None = None, reference: str | None = None
) -> pd.DataFrame:
    """Which of more tasks, repeats, graders or passes makes a score most precise per dollar.

    Parameters
    ----------
    trials : see `frames.trials`; costs come from it
    verdicts : see `frames.verdicts`; without it graders and passes are not told apart
    reference : for the difference to this recipe instead of each recipe's own mean

    Returns
    -------
    DataFrame, columns `PRECISION`, a row per recipe and way to spend (`more`). `se_doubled` and
    `usd_doubled`: standard error of the mean on new tasks and dollars with twice as many.
    `variance_per_usd`: what the first further dollar takes off the variance; `best` marks the
    largest. `optimal`: passes (or repeats) worth having while unused tasks are left. NaN where
    the design or unknown costs do not tell.

    References
    ----------
    Cochran (1977), ch. 10 (optimum allocation); Brennan (2001), ch. 4 (decision studies).
    """
    long = _cells(trials if verdicts is None else verdicts, trials)
    usd = _dollars(trials)
    found = []
    for name, cells, _ in _balanced(long, reference):
        if cells.shape[0] < 2:
            continue
        names = [name] if reference is None else [name, reference]
        answer = sum(usd[r][0] for r in names)
        grading = sum(usd[r][1] for r in names) / (cells.shape[2] * cells.shape[3])
        found += _ways(name, components(cells), answer, grading)
    return result(found, PRECISION, trials)


def _balanced(long: pd.DataFrame, reference: str | None) -> Iterator[tuple[str, Floats, int]]:
    """(recipe, scores of shape (tasks, repeats, graders, passes), tasks left out)."""
    names = recipes(long)
    refuse_unknown([reference], names)
    means = long.groupby(["recipe", "task", *_CELLS])["score"].mean()
    wide = {name: means.loc[name].unstack(_CELLS) for name in names}
    for name in names:
        if name == reference:
            continue
        cells = wide[name] if reference is None else wide[name] - wide[reference]
        cells = cells.dropna(axis=1, how="all")
        cells = cells.reindex(columns=pd.MultiIndex.from_product(
            [sorted(set(cells.columns.get_level_values(i))) for i in range(3)]
        ))  # fmt: skip
        whole = cells.dropna()
        shape = (len(whole), *(len(level) for level in cells.columns.levels))
        yield name, whole.to_numpy(dtype=np.float64).reshape(shape), len(cells) - len(whole)


def _cells(table: pd.DataFrame, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """Columns recipe, task, repeat, grader, grader_pass, score: one row per graded answer."""
    if {"criterion", "value", "weight"} <= set(table.columns):
        gradings = graded(table, trials)
        kept = gradings[[*GRADING, "score"]].dropna()
        kept.attrs = gradings.attrs
        return kept
    plain = table.copy(deep=False)
    plain.attrs = {}
    keys = [name for name in ("grader", "grader_pass") if name in plain]
    if "repeat" not in plain:
        plain["repeat"] = plain.groupby(["recipe", "task", *keys]).cumcount()
    known = tidied(plain)
    more = {name: known[name].astype(str) if name in keys else "" for name in _CELLS[1:]}
    return pd.DataFrame(
        {
            "recipe": known["recipe"].astype(str), "task": task_key(known),
            "repeat": known["repeat"].astype(int), **more, "score": scored(known, "complete"),
        }
    ).dropna()  # fmt: skip


def _rows(
    name: str, cells: Floats, lost: int, level: float, known: list[str]
) -> list[dict[str, object]]:
    n, k, graders, passes = cells.shape
    notes = list(known)
    if lost:
        notes.append(f"{lost} task{'s' if lost != 1 else ''} without every cell left out")
    if n < 2:
        notes.append("fewer than two complete tasks: nothing can be told apart")
        return [_line(name, "task", cells.shape, math.nan, notes)]
    notes += _confounded(k, graders, passes)
    found = components(cells)
    parts, ends = found.known(), _jackknife(cells, found, level)
    total = sum(max(0.0, value) for value in parts.values())
    return [
        _line(name, WORDS[letter], cells.shape, value, notes, ends[letter], total)
        for letter, value in parts.items()
    ]


def _line(
    name: str, word: str, shape: tuple[int, ...], value: float, notes: list[str],
    ends: tuple[float, float] = (math.nan, math.nan), total: float = 0.0,
) -> dict[str, object]:  # fmt: skip
    n, k, graders, passes = shape
    return {
        "recipe": name, "component": word, "variance": value,
        "sd": math.sqrt(value) if value >= 0 else math.nan, "low": ends[0], "high": ends[1],
        "share": max(0.0, value) / total if total > 0 else math.nan, "n": n, "repeats": k,
        "graders": graders, "passes": passes,
        "estimand": "variance of one answer to a new task, graded once",
        "method": "balanced analysis of variance; delete-one-task jackknife",
        "caveat": "; ".join(notes),
    }  # fmt: skip


def _confounded(k: int, graders: int, passes: int) -> list[str]:
    notes = []
    if k == 1:
        notes.append("one repeat: task includes draws")
    if graders == 1:
        notes.append("conditional on the one grader")
    elif graders == 2:
        notes.append("two graders say next to nothing about other graders")
    if passes == 1:
        inside = "grader by draw" if graders > 1 and k > 1 else "draw" if k > 1 else "task"
        notes.append(f"one pass: {'grader by task' if graders > 1 and k == 1 else inside} "
                     "includes passes")  # fmt: skip
    return notes


def _jackknife(cells: Floats, found: Components, level: float) -> dict[str, tuple[float, float]]:
    """Limits by leaving out each task in turn; NaN for graders, of whom tasks show nothing."""
    n, known = len(cells), found.known()
    if n < 3:
        return dict.fromkeys(known, (math.nan, math.nan))
    without = [components(np.delete(cells, t, axis=0)).known() for t in range(n)]
    ends = {}
    for letter, value in known.items():
        each = np.array([one[letter] for one in without])
        se = math.sqrt((n - 1) / n * float(((each - each.mean()) ** 2).sum()))
        half = math.nan if letter == "J" else t_quantile(level, n - 1) * se
        ends[letter] = (value - half, value + half)
    return ends


def _dollars(trials: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Dollars per answer and per graded answer of each recipe; NaN where any is unknown."""
    known = tidied(trials)
    recipe = known["recipe"].astype(str)
    grading = known["grading_usd"] if "grading_usd" in known else pd.Series(np.nan, known.index)
    each = [
        column.astype(float).groupby(recipe).mean().where(
            column.notna().groupby(recipe).all()
        )
        for column in (known["cost_usd"], grading)
    ]  # fmt: skip
    return {name: (float(each[0][name]), float(each[1][name])) for name in recipes(known)}


def _ways(name: str, found: Components, answer: float, grading: float) -> list[dict[str, object]]:
    """A row per way to spend; dollars = tasks x repeats x (answer + graders x passes x grading)."""
    now = dict(zip(("tasks", "repeats", "graders", "passes"), found.shape, strict=True))
    usable = {"tasks": True, "repeats": found.G is not None, "graders": found.J is not None,
              "passes": found.E is not None}  # fmt: skip
    one = found.cut("T") + found.cut("G") + found.cut("TJ") + found.cut("GJ")
    optimal = {"repeats": 1.0}
    if found.E is not None and one * grading > 0:
        optimal["passes"] = max(1.0, math.sqrt(found.cut("E") * answer / (one * grading)))
    rows = []
    for more in now:
        if now[more] == 1 and not usable[more]:
            continue
        gain, usd = _marginal(found, now, more, answer, grading)
        double = {**now, more: 2 * now[more]}
        rows.append(
            {
                "recipe": name, "more": more, "now": now[more],
                "se_now": math.sqrt(found.variance(**now)),
                "se_doubled": math.sqrt(found.variance(**double)),
                "usd_now": _usd(now, answer, grading), "usd_doubled": _usd(double, answer, grading),
                "variance_per_usd": gain / usd if usd > 0 else math.nan, "best": False,
                "optimal": optimal.get(more, math.nan),
                "caveat": "" if usd > 0 else "some cost is unknown, or nothing costs anything",
            }
        )  # fmt: skip
    known = [row for row in rows if not math.isnan(float(str(row["variance_per_usd"])))]
    if known:
        max(known, key=lambda row: float(str(row["variance_per_usd"])))["best"] = True
    return rows


def _usd(design: dict[str, int], answer: float, grading: float) -> float:
    graded = design["graders"] * design["passes"] * grading
    return design["tasks"] * design["repeats"] * (answer + graded)


def _marginal(
    found: Components, now: dict[str, int], more: str, answer: float, grading: float
) -> tuple[float, float]:
    """What a hundredth more of something takes off the variance, and what it costs."""
    step: dict[str, float] = {**now, more: now[more] * 1.01}
    graded = step["graders"] * step["passes"] * grading
    usd = step["tasks"] * step["repeats"] * (answer + graded) - _usd(now, answer, grading)
    return found.variance(**now) - found.variance(**step), usd
