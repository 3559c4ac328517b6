"""Bounds of a group-sequential test, by spending its error over the looks.

Pure numbers: no data here. Recursive integration over the paths that have not crossed yet
(Armitage, McPherson & Rowe 1969, JRSS A 132:235), by Gauss-Legendre quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import optimize, special, stats

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.estimates import Floats

Spending = Literal["obrien-fleming", "pocock"]
_NODES, _FAR = 300, 9.0


def spent(fraction: float, alpha: float, spending: Spending = "obrien-fleming") -> float:
    """One-sided error that may be spent up to a fraction of the information.

    References
    ----------
    Lan & DeMets (1983), Biometrika 70:659.
    """
    if spending == "pocock":
        return alpha * math.log(1 + (math.e - 1) * fraction)
    return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / math.sqrt(fraction)))


def bounds(
    information: Sequence[float],
    alpha: float = 0.05,
    *,
    sides: Literal[1, 2] = 1,
    spending: Spending = "obrien-fleming",
) -> Floats:
    """The z to exceed at each look.

    Parameters
    ----------
    information : fractions of the information at the looks, rising to 1
    alpha : error over all looks (both sides together for two-sided bounds, half each)

    Returns
    -------
    shape (looks,). Non-binding: no stop for futility is counted on. Source: recursive integration
    (Armitage, McPherson & Rowe 1969, JRSS A 132:235).

    Raises
    ------
    StatisticsError : fractions that do not rise from above 0 to 1
    """
    t = np.asarray(information, dtype=np.float64)
    if not (len(t) and t[0] > 0 and np.all(np.diff(t) > 0) and abs(t[-1] - 1) < 1e-9):
        raise StatisticsError("looks must rise from above 0 to 1, such as 0.25, 0.5, 0.75, 1")
    found: list[float] = []
    path, before = _Path(sides), 0.0
    for k, fraction in enumerate(t):
        now = spent(float(fraction), alpha / sides, spending)
        step = float(fraction - (t[k - 1] if k else 0.0))
        found.append(path.bound(step, float(fraction), now - before))
        before = now
    return np.array(found)


def crossing(
    upper: Sequence[float],
    information: Sequence[float],
    drift: float = 0.0,
    *,
    sides: Literal[1, 2] = 1,
) -> Floats:
    """Probability to cross first at each look, when z at full information has mean `drift`.

    upper : z bounds, symmetric when two-sided (both sides are then added). Shape (looks,).
    """
    path, found, before = _Path(sides, drift), [], 0.0
    for bound, fraction in zip(upper, information, strict=True):
        found.append(path.cross(fraction - before, fraction, bound))
        path.cut(bound * math.sqrt(fraction))
        before = fraction
    return np.array(found)


class _Path:
    """Distribution of the score process among paths that have not crossed, look by look."""

    def __init__(self, sides: int, drift: float = 0.0) -> None:
        self._sides, self._drift = sides, drift
        self._at, self._mass = np.zeros(1), np.ones(1)
        self._step = 0.0

    def bound(self, step: float, fraction: float, error: float) -> float:
        """The z whose upper tail at this look has mass `error`; the paths above it are cut."""
        scale = math.sqrt(fraction)
        z = optimize.brentq(lambda b: self._above(step, b * scale) - error, -_FAR, 2 * _FAR)
        self._step = step
        self.cut(z * scale)
        return float(z)

    def cross(self, step: float, fraction: float, z: float) -> float:
        """Mass beyond the bound at the next look."""
        self._step = step
        mass = self._above(step, z * math.sqrt(fraction))
        return mass + (self._below(step, -z * math.sqrt(fraction)) if self._sides == 2 else 0.0)

    def cut(self, top: float) -> None:
        """Go on with the paths that stay inside."""
        spread = _FAR * math.sqrt(self._step)
        low = -top if self._sides == 2 else float(self._at.min()) - spread + self._drift
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        at = (top - low) / 2 * nodes + (top + low) / 2
        gaps = (at[:, None] - self._at - self._drift * self._step) / math.sqrt(self._step)
        density = np.exp(-gaps * gaps / 2) @ self._mass / math.sqrt(2 * math.pi * self._step)
        self._at, self._mass = at, density * weights * (top - low) / 2

    def _above(self, step: float, top: float) -> float:
        gaps = (top - self._at - self._drift * step) / math.sqrt(step)
        return float(special.ndtr(-gaps) @ self._mass)

    def _below(self, step: float, bottom: float) -> float:
        gaps = (bottom - self._at - self._drift * step) / math.sqrt(step)
        return float(special.ndtr(gaps) @ self._mass)
