"""A recipe against its controls, called and computed, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fusion_eval.frames import per_task, recipes
from fusion_eval.stats.compare import compare
from fusion_eval.stats.oracles import best_member, oracle, union_oracle

BEST, ORACLE, UNION = "best-member", "oracle", "union-oracle"
BEST_METHOD = (
    "estimate: chosen on other tasks (5-fold cross-fit); interval: over all members at once, so "
    "that choosing costs nothing"
)


def against(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    subject: str,
    members: Sequence[str],
    others: Sequence[str] = (),
    computed: Sequence[str] = (BEST, ORACLE, UNION),
    *,
    margin: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare every control (a) with the recipe that it controls (b).

    Parameters
    ----------
    trials, verdicts : see `frames`
    subject : the recipe that is controlled
    members : recipes that stand for its members alone; `others` more recipes to compare with
    computed : of `best-member`, `oracle` and `union-oracle`, named `subject/oracle` in the table
    margin : points (0 to 100) within which two count as equal

    Returns
    -------
    DataFrame with the columns of `compare`, and `computed` (True where no call was made) and
    `cost_usd` (mean per answer; NaN for bounds, which nobody can buy). Members, others and oracles
    are one family. The row of the best member has the estimate by cross-fitting; as the best of
    several is the maximum of their differences, its interval goes from the largest lower to the
    largest upper limit, and it is `worse` only if every member is.

    Raises
    ------
    StatisticsError : an unknown recipe

    References
    ----------
    Berger (1982), Technometrics 24:295, for the intersection of several tests.
    """
    named = list(dict.fromkeys([*members, *others, subject]))
    parts = [trials[trials["recipe"].astype(str).isin(named)]]
    if ORACLE in computed:
        parts.append(oracle(trials, members, f"{subject}/{ORACLE}"))
    if UNION in computed and len(verdicts):
        parts.append(union_oracle(trials, verdicts, members, f"{subject}/{UNION}"))
    whole = pd.concat([part for part in parts if len(part)])
    whole.attrs = trials.attrs
    table = compare(whole, subject, margin, level, seed, chosen=False)
    bounds = {f"{subject}/{ORACLE}", f"{subject}/{UNION}"}
    table["computed"] = table["a"].isin(bounds)
    table["cost_usd"] = table["a"].map(_costs(whole))
    if BEST in computed and len(members) > 1:
        best = best_member(trials, members, f"{subject}/{BEST}", seed=seed)
        table = pd.concat([_best(table, trials, best, subject, members, level, margin), table])
    table.attrs = trials.attrs
    return table.reset_index(drop=True)


def _best(
    table: pd.DataFrame, trials: pd.DataFrame, best: pd.DataFrame, subject: str,
    members: Sequence[str], level: float, margin: float | None,
) -> pd.DataFrame:  # fmt: skip
    """The row of the best member, from those of all members."""
    own = table[table["a"].isin(members)]
    name = f"{subject}/{BEST}"
    both = pd.concat([best, trials[trials["recipe"].astype(str) == subject]])
    wide = per_task(both).dropna()
    low, high = float(own["low"].max()), float(own["high"].max())
    beaten = bool((own["conclusion"] == "worse").all())
    ahead = own[own["conclusion"] == "better"]
    inside = margin is not None and -margin / 100 < low and high < margin / 100
    decided = "worse" if beaten else "better" if len(ahead) else "undecided"
    p = float(own["p_adjusted"].max() if not len(ahead) else own["p_adjusted"].min())
    row = own.iloc[[0]].assign(
        a=name, difference=float((wide[name] - wide[subject]).mean()), se=float("nan"),
        low=low, high=high, p=p, p_adjusted=p, conclusion="equivalent" if inside else decided,
        n=len(wide), computed=True,
        method=BEST_METHOD, caveat=_shared(own), cost_usd=_costs(best).get(name, float("nan")),
    )  # fmt: skip
    unknown = ["sd", "wins", "ties", "losses", "p_noninferior", "p_equivalent", "tasks_to_decide"]
    unknown += ["tasks_to_decide_low", "tasks_to_decide_high"]
    return row.assign(**{column: None for column in unknown if column in row})


def _shared(rows: pd.DataFrame) -> str:
    """What all members' rows warn of, each once."""
    notes = [note for text in rows["caveat"] for note in str(text).split("; ") if note]
    return "; ".join(dict.fromkeys(notes))


def _costs(trials: pd.DataFrame) -> Mapping[str, float]:
    """Mean dollars per answer, by recipe; NaN where one is unknown."""
    if "cost_usd" not in trials:
        return {}
    wide = per_task(trials, "cost_usd")
    return {str(name): float(wide[name].mean(skipna=False)) for name in wide}


def of_run(
    trials: pd.DataFrame, verdicts: pd.DataFrame, controls: Mapping[str, Any], **settings: Any
) -> dict[str, pd.DataFrame]:
    """The table of every recipe that has controls, by the section `controls` of a manifest."""
    there, found = set(recipes(trials)), {}
    for subject, of in controls.items():
        members = [name for name in of["members"] if name in there]
        writer = [of["writer"]] if of["writer"] in there and of["writer"] not in members else []
        others = [*writer, *(name for name in of["called"] if name in there)]
        computed = of["computed"] if members == list(of["members"]) else []
        if subject in there and (members or others):
            found[subject] = against(
                trials, verdicts, subject, members, others, computed, **settings
            )
    return found
