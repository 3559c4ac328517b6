"""How far preferences can be trusted: do both orders name the same winner?"""

from __future__ import annotations

import pandas as pd

ORDERS = ("preferred-first", "preferred-second")
COLUMNS = ("recipe", "pairs", "preferred", "agree", "ties", "first_wins")


def preferences(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row per recipe, from verdicts of the protocol `pairwise`.

    A pair is one answer against the reference answer to the same task and repeat, by one grader in
    one pass, read in both orders; pairs of the same text are left out.

    Returns
    -------
    DataFrame, columns `COLUMNS`: `pairs`; `preferred`, mean value over both orders (0 to 1, a tie
    is 0.5); `agree`, share of pairs whose two orders name the same winner or both a tie; `ties`,
    share of the readings that are ties; `first_wins`, share of the other readings that preferred
    whatever stood first (0.5 without an effect of the place). NaN where there is nothing.
    """
    rows = verdicts[verdicts["criterion"].isin(ORDERS) & verdicts["value"].notna()]
    rows = rows[rows["reason"] != "the same text"]
    keys = ["recipe", "task", "repeat", "grader", "grader_pass"]
    wide = rows.pivot_table(index=keys, columns="criterion", values="value", aggfunc="first")
    wide = wide.reindex(columns=list(ORDERS)).dropna()
    return pd.DataFrame([_row(str(n), g) for n, g in wide.groupby(level="recipe")], columns=COLUMNS)


def _row(recipe: str, pairs: pd.DataFrame) -> dict[str, object]:
    first, second = pairs[ORDERS[0]], pairs[ORDERS[1]]
    readings = pd.concat([first, second])
    ahead = pd.concat([first, 1 - second])  # whether what stood first won
    return {
        "recipe": recipe,
        "pairs": len(pairs),
        "preferred": readings.mean(),
        "agree": (first == second).mean(),
        "ties": (readings == 0.5).mean(),
        "first_wins": ahead[ahead != 0.5].mean(),
    }
