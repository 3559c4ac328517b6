"""What several recipes cost together, as shared calls are paid once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.frames import task_key
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.plans import Prices

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Bills:
    """What each recipe took, so that any of them together can be priced.

    `trials` : recipe -> places of its (task, repeat); `dollars` : recipe -> US$ of its answers and
    of grading them, NaN where one is unknown. `calls` : recipe -> places of its distinct calls,
    whose dollars and purpose are in `usd` and `graded`; None without a table of calls.
    """

    trials: Mapping[str, Places]
    dollars: Mapping[str, tuple[float, float]]
    calls: Mapping[str, Places] | None
    usd: Floats
    graded: NDArray[np.bool_]

    @classmethod
    def of_tables(cls, trials: pd.DataFrame, calls: pd.DataFrame | None) -> Bills:
        """Those of a table of trials and, where there is one, of calls."""
        pair = pd.factorize(pd.MultiIndex.from_arrays([task_key(trials), trials["repeat"]]))[0]
        of = _places(trials)
        nothing = pd.Series(np.nan, trials.index)
        answers, grading = (
            trials.get(name, nothing).to_numpy(dtype=np.float64)
            for name in ("cost_usd", "grading_usd")
        )
        paid = {n: (float(answers[r].sum()), float(grading[r].sum())) for n, r in of.items()}
        there = {name: np.unique(pair[rows]) for name, rows in of.items()}
        if calls is None or not len(calls):
            return cls(there, paid, None, np.empty(0), np.empty(0, bool))
        key = pd.factorize(calls["key"])[0]
        first = np.unique(key, return_index=True)[1]
        used = {name: np.unique(key[rows]) for name, rows in _places(calls).items()}
        usd = calls["cost_usd"].to_numpy(dtype=np.float64)[first]
        return cls(there, paid, used, usd, (calls["purpose"] == "grading").to_numpy()[first])

    def of(self, recipes: Sequence[str]) -> Prices:
        """US$ per task and repeat of all these recipes together, and of grading them once.

        With calls, one that several of them share is paid once. NaN where a cost is unknown.
        """
        answers = len(_union(self.trials, recipes))
        if self.calls is None:
            spent = np.sum([self.dollars[name] for name in recipes], axis=0)
        else:
            keys = _union(self.calls, recipes)
            usd, graded = self.usd[keys], self.graded[keys]
            spent = np.array([usd[~graded].sum(), usd[graded].sum()])
        return Prices(answers=float(spent[0]) / answers, grading=float(spent[1]) / answers)


def _places(table: pd.DataFrame) -> dict[str, Places]:
    """Recipe -> places of its rows."""
    recipe = table["recipe"].astype(str)
    found = recipe.groupby(recipe).indices
    return {str(name): np.asarray(rows) for name, rows in found.items()}


def _union(places: Mapping[str, Places], names: Sequence[str]) -> Places:
    some = [places[name] for name in names if name in places]
    return np.unique(np.concatenate(some)) if some else np.empty(0, np.intp)
