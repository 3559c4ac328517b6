"""Where the variance of a score comes from: tasks, draws, graders, passes.

Generalizability theory: x = mean + T(ask) + G (a draw, within the task) + J (grader) + TJ + GJ +
E (a pass), estimated by equating mean squares with their expectations in balanced data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion_eval.errors import MissingScoresError, StatisticsError, TooFewTasksError
from fusion_eval.stats.estimates import Floats

WORDS: Mapping[str, str] = {
    "T": "task",
    "G": "draw within task",
    "J": "grader",
    "TJ": "grader by task",
    "GJ": "grader by draw",
    "E": "pass",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variances in squared units of the score; None where the design cannot tell them apart.

    What has no line of its own is in the line above it in this order: E in GJ with one pass, G in
    T with one repeat (then T is what one answer to a new task varies by). Estimates may be
    negative by chance; they are reported as they are and cut at 0 only in forecasts.
    """

    T: float | None
    G: float | None
    J: float | None
    TJ: float | None
    GJ: float | None
    E: float | None
    shape: tuple[int, int, int, int]

    def known(self) -> dict[str, float]:
        """Those that the design can tell, by letter."""
        each = {name: getattr(self, name) for name in WORDS}
        return {name: value for name, value in each.items() if value is not None}

    def cut(self, name: str) -> float:
        """A component for a forecast: not below 0, and 0 where it is not known."""
        return max(0.0, getattr(self, name) or 0.0)

    def variance(self, tasks: float, repeats: float, graders: float, passes: float) -> float:
        """Variance of a mean score over new tasks, for the graders used if there is one only."""
        per_task = self.cut("T") + self.cut("G") / repeats + self.cut("TJ") / graders
        per_task += self.cut("GJ") / (repeats * graders)
        per_task += self.cut("E") / (repeats * graders * passes)
        return per_task / tasks + self.cut("J") / graders


def components(scores: ArrayLike) -> Components:
    """Variance components of one recipe (or of the difference of two) from balanced data.

    Parameters
    ----------
    scores : shape (tasks, repeats, graders, passes), no NaN; two tasks or more. Axes of length 1
        are fine: what they would have shown is not estimated.

    Returns
    -------
    Components. With k repeats, J graders, m passes, and MS the mean squares: E = MS_E;
    GJ = (MS_GJ - MS_E) / m; TJ = (MS_TJ - MS_GJ) / (k m); J = (MS_J - MS_TJ) / (n k m);
    G = (MS_G - MS_GJ) / (J m); T = (MS_T - MS_G - MS_TJ + MS_GJ) / (k J m).

    Raises
    ------
    TooFewTasksError : fewer than two tasks
    MissingScoresError : the data are not balanced

    References
    ----------
    Brennan (2001), Generalizability Theory, ch. 3; Searle, Casella & McCulloch (1992), ch. 4.
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 4:
        raise StatisticsError(f"shape {x.shape}; give (tasks, repeats, graders, passes)")
    if np.isnan(x).any():
        raise MissingScoresError("scores are missing; components need every cell")
    n, k, graders, m = x.shape
    if n < 2:
        raise TooFewTasksError(f"{n} task(s); components need two or more")
    ms = _mean_squares(x)
    nested = ms["GJ"] if graders > 1 and k > 1 else ms["E"] if m > 1 and graders == 1 else 0.0
    several = {"k": k > 1, "J": graders > 1, "m": m > 1}
    return _solve(ms, x.shape, several, nested)


def _solve(
    ms: Mapping[str, float], shape: tuple[int, ...], several: Mapping[str, bool], nested: float
) -> Components:
    n, k, graders, m = shape
    pass_ = ms["E"] if several["m"] else None
    within = pass_ or 0.0
    gj = tj = j = None
    if several["J"]:
        if several["k"]:
            gj = (ms["GJ"] - within) / m
            tj = (ms["TJ"] - ms["GJ"]) / (k * m)
        else:
            tj = (ms["TJ"] - within) / m
        j = (ms["J"] - ms["TJ"]) / (n * k * m)
    g = (ms["G"] - nested) / (graders * m) if several["k"] else None
    if several["k"]:
        t = ms["T"] - ms["G"] - (ms["TJ"] - ms["GJ"] if several["J"] else 0.0)
    else:
        t = ms["T"] - (ms["TJ"] if several["J"] else within)
    return Components(
        T=t / (k * graders * m), G=g, J=j, TJ=tj, GJ=gj, E=pass_, shape=(n, k, graders, m)
    )


def _mean_squares(x: Floats) -> dict[str, float]:
    """Mean squares of tasks, draws within tasks, graders, their products, and passes."""
    n, k, graders, m = x.shape
    trj = x.mean(axis=3)
    tr, tj = trj.mean(axis=2), trj.mean(axis=1)
    t, j, all_ = tr.mean(axis=1), tj.mean(axis=0), x.mean()
    sums = {
        "T": k * graders * m * _square(t - all_),
        "G": graders * m * _square(tr - t[:, None]),
        "J": n * k * m * _square(j - all_),
        "TJ": k * m * _square(tj - t[:, None] - j + all_),
        "GJ": m * _square(trj - tr[:, :, None] - tj[:, None, :] + t[:, None, None]),
        "E": _square(x - trj[..., None]),
    }
    freedom = {
        "T": n - 1, "G": n * (k - 1), "J": graders - 1, "TJ": (n - 1) * (graders - 1),
        "GJ": n * (k - 1) * (graders - 1), "E": n * k * graders * (m - 1),
    }  # fmt: skip
    return {name: sums[name] / freedom[name] if freedom[name] else 0.0 for name in sums}


def _square(values: NDArray[np.float64]) -> float:
    return float((values**2).sum())
