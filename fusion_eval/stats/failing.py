"""How much of a score hangs on answers that failed, were cut, were refused or were never read.

The headline counts a failed answer as 0, because its user has nothing. Beside it stand the other
readings, so that nobody has to trust ours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from fusion_eval.core import Estimate
from fusion_eval.frames import is_simulated, recipes, task_key
from fusion_eval.stats.caveats import few
from fusion_eval.stats.clusters import score_of
from fusion_eval.stats.design import groups_of
from fusion_eval.stats.family import check_level
from fusion_eval.stats.paired import sign_flip_p
from fusion_eval.stats.results import FEW_TASKS, refuse_unknown, result
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "reading", "value", "low", "high", "n", "answers", "p", "estimand", "method",
    "caveat",
)  # fmt: skip
_SHARES = {
    "failure rate": "share of answers that fail",
    "cut rate": "share of answers that end at a limit of length",
}
_REFUSALS = ("refusal", "refused", "content_filter")
_LENGTH = "length"


def failures(
    trials: pd.DataFrame, reference: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Each recipe's failure rate and its score under every reading of what is missing.

    Parameters
    ----------
    trials : see `compare`
    reference : a recipe to test the failure rates against (`p`, on common tasks)

    Returns
    -------
    DataFrame, columns `COLUMNS`; up to nine rows per recipe, named in `reading`:
    `failure rate` (of answers; p against the reference by sign flips over tasks, which is
    McNemar's exact test when there is one repeat), `as deployed` (a failed answer counts 0),
    `complete cases` (left out), `worst case` and `best case` (failed answers at 0 and 1, unread
    verdicts against and for the answer), and, where there are any, `cut answers as 0`,
    `cut answers left out`, `refusals left out`; `cut rate` where it is known how answers ended.
    `answers` is how many answers the row is about.
    Values 0 to 1. What nobody knows lies between the low of the worst and the high of the best
    case.

    Raises
    ------
    StatisticsError : unknown reference; see `compare` for the rest

    References
    ----------
    Clopper & Pearson (1934); McNemar (1947); worst-case bounds: Manski (1990), AER 80:319.
    """
    check_level(level)
    trials = tidied(trials)
    names = recipes(trials)
    refuse_unknown([reference], names)
    rates, groups = _rates(trials), _groups(trials)
    simulated = is_simulated(trials)
    found = []
    for name in names:
        rows = trials[trials["recipe"].astype(str) == name]
        rows.attrs = {"simulated": simulated}
        p = np.nan if reference in (None, name) else _p(rates, name, str(reference), groups)
        for row in [
            _failed(rows, p, level, groups),
            *_cut(rows, level, groups),
            *_readings(rows, level, groups),
        ]:
            found.append({"recipe": name, **row})
    return result(found, COLUMNS, trials, level=level)


def clopper_pearson(failed: int, n: int, level: float = 0.95) -> Estimate:
    """Exact interval of a proportion: it covers at least so often as it says.

    One-sided at 1 - (1 - level) / 2 either way; 0 of 30 still leaves 11.6 % at 95 %.
    """
    alpha = 1 - level
    low = 0.0 if failed == 0 else float(betaincinv(failed, n - failed + 1, alpha / 2))
    high = 1.0 if failed == n else float(betaincinv(failed + 1, n - failed, 1 - alpha / 2))
    return Estimate(
        value=failed / n, low=low, high=high, level=level, n=n, method="Clopper-Pearson"
    )


def _groups(trials: pd.DataFrame) -> pd.Series | None:
    """Task -> its cluster, where tasks share some."""
    index = pd.Index(task_key(trials).unique())
    labels = groups_of(trials, index, "new tasks")
    return None if labels is None else pd.Series(labels, index=index)


def _interval(each: pd.Series, level: float, groups: pd.Series | None) -> Estimate:
    """Of a mean over tasks (index their keys, no NaN), 0 to 1."""
    labels = None if groups is None else groups.reindex(each.index).to_numpy(dtype=object)
    return score_of(each.to_numpy(dtype=np.float64), labels, level)


def _rates(trials: pd.DataFrame) -> pd.DataFrame:
    """Share of failed answers, by task and recipe."""
    failed = trials["failure"].notna().astype(float)
    return failed.groupby([task_key(trials), trials["recipe"].astype(str)]).mean().unstack()


def _p(rates: pd.DataFrame, a: str, b: str, groups: pd.Series | None) -> float:
    """By flips of tasks, or of whole clusters, which fail together."""
    each = (rates[a] - rates[b]).dropna()
    d = (each if groups is None else each.groupby(groups.reindex(each.index)).sum()).to_numpy()
    return sign_flip_p(d, rng=np.random.default_rng(0)) if len(d) else np.nan


def _failed(
    rows: pd.DataFrame, p: float, level: float, groups: pd.Series | None
) -> dict[str, object]:
    found, count = _rate(rows, rows["failure"].notna(), level, groups)
    test = "" if np.isnan(p) else "; p by sign flips over common tasks"
    method, simulated = f"{found.method}{test}", is_simulated(rows)
    return _row("failure rate", found, count, method, p, simulated=simulated)


def _cut(rows: pd.DataFrame, level: float, groups: pd.Series | None) -> Iterator[dict[str, object]]:
    ended = rows[rows["finish"].notna()]
    if len(ended):
        found, count = _rate(ended, ended["finish"] == _LENGTH, level, groups)
        lost = task_key(rows).nunique() - task_key(ended).nunique()
        yield _row(
            "cut rate", found, count, found.method, np.nan, lost=lost, simulated=is_simulated(rows)
        )


def _rate(
    rows: pd.DataFrame, which: pd.Series, level: float, groups: pd.Series | None
) -> tuple[Estimate, int]:
    """Share of answers, and their number."""
    each = which.astype(float).groupby(task_key(rows)).mean()
    if len(each) == len(rows) and groups is None:
        return clopper_pearson(int(which.sum()), len(rows), level), int(which.sum())
    # repeats of a task fail together, as tasks of a cluster do, so those are counted
    return _interval(each, level, groups), int(which.sum())


def _readings(
    rows: pd.DataFrame, level: float, groups: pd.Series | None
) -> list[dict[str, object]]:
    failed = rows["failure"].notna()
    finish = rows["finish"].astype("string").fillna("")
    cut = ~failed & (finish == _LENGTH)
    refused = finish.isin(_REFUSALS) | rows["failure"].isin(_REFUSALS)
    score = rows["score"].astype(float)
    deployed = score.mask(failed, 0.0)
    readings: list[tuple[str, pd.Series, pd.Series]] = [
        ("as deployed", deployed, failed),
        ("complete cases", score.mask(failed), failed),
        ("worst case", _end(rows, "score_min", 0.0).mask(failed, 0.0), _open(rows)),
        ("best case", _end(rows, "score_max", 1.0).mask(failed, 1.0), _open(rows)),
    ]
    if cut.any():
        readings.append(("cut answers as 0", deployed.mask(cut, 0.0), cut))
        readings.append(("cut answers left out", deployed.mask(cut), cut))
    if refused.any():
        readings.append(("refusals left out", deployed.mask(refused), refused))
    return [_reading(rows, word, values, about, level, groups) for word, values, about in readings]


def _end(rows: pd.DataFrame, column: str, otherwise: float) -> pd.Series:
    return rows[column].astype(float).fillna(rows["score"].astype(float)).fillna(otherwise)


def _open(rows: pd.DataFrame) -> pd.Series:
    """Answers that are not known to the last verdict."""
    known = rows["score_min"].astype(float) == rows["score_max"].astype(float)
    return rows["failure"].notna() | ~known


def _reading(
    rows: pd.DataFrame,
    word: str,
    values: pd.Series,
    about: pd.Series,
    level: float,
    groups: pd.Series | None,
) -> dict[str, object]:
    each = values.groupby(task_key(rows)).mean()
    x = each.dropna().clip(0.0, 1.0)
    lost = len(each) - len(x)
    if not len(x):
        nothing = Estimate(
            value=np.nan, low=np.nan, high=np.nan, level=level, n=0, method="nothing left"
        )
        return _row(word, nothing, int(about.sum()), "nothing left", np.nan, lost=lost)
    found = _interval(x, level, groups)
    return _row(
        word, found, int(about.sum()), found.method, np.nan, lost=lost, simulated=is_simulated(rows)
    )


def _row(
    word: str, found: Estimate, answers: int, method: str, p: float, *, lost: int = 0,
    simulated: bool = False,
) -> dict[str, object]:  # fmt: skip
    what = _SHARES.get(word, "mean score")
    notes = ["SIMULATED"] if simulated else []
    notes += [few(found.n)] if found.n < FEW_TASKS else []
    notes += [f"{lost} task{'s' if lost != 1 else ''} left out"] if lost else []
    return {
        "reading": word, "value": found.value, "low": found.low, "high": found.high,
        "n": found.n, "answers": answers, "p": p,
        "estimand": f"{what} on new tasks of the same domains; {word}",
        "method": f"{method}; {found.level:.0%} interval", "caveat": "; ".join(notes),
    }  # fmt: skip
