"""From a pilot run to a plan: what it can detect, and which study would find a given difference."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.core.score_table import GRADING
from fusion_eval.frames import Missing, is_simulated, task_key
from fusion_eval.stats.compare import compare
from fusion_eval.stats.frontier import pareto
from fusion_eval.stats.noise import Noise, grading_noise, noise_of
from fusion_eval.stats.plans import Aim, Prices, Study, cheapest, strongest, study
from fusion_eval.stats.power import ALPHA, POWER, tasks_needed
from fusion_eval.stats.tables import tidied
from fusion_eval.stats.verdicts import graded

COLUMNS = (
    "a", "b", "difference", "conclusion", "sd", "interaction", "draw", "grading", "n",
    "repeats_now", "power_now", "detectable_now", "tasks", "repeats", "passes", "power", "usd",
    "tasks_as_seen", "power_as_seen", "tasks_cautious", "dominated", "method", "caveat",
)  # fmt: skip
_FEW = 15
LEAST_PILOT = 8
"""Tasks of a pilot below which there is no plan: of 7, the SD is known to a factor of 2 at best."""


def power(
    trials: pd.DataFrame,
    difference: float = 3.0,
    *,
    reference: str | None = None,
    usd: float | None = None,
    tasks: int | None = None,
    power: float = POWER,
    alpha: float = ALPHA,
    verdicts: pd.DataFrame | None = None,
    calls: pd.DataFrame | None = None,
    missing: Missing = "as_deployed",
) -> pd.DataFrame:
    """What a run can detect, and the study that would find `difference`, for each comparison.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat): the pilot
    difference : points (0 to 100) to find
    reference : compare every other recipe with this one; without it all pairs
    usd : with it, the plan is the strongest study for so many US$; without, the cheapest one that
        has the power
    tasks : at most so many tasks are there; by default more can be had
    power, alpha : wanted; alpha is divided by the number of comparisons (Bonferroni), as all of
        them will be looked at
    verdicts : tells the noise of grading where answers were graded in several passes
    calls : tells what calls cost that several recipes share; without it each recipe is charged
        in full, so that the plan is too dear rather than too cheap

    Returns
    -------
    DataFrame, one row per pair, columns `COLUMNS`. SDs and variances are of the paired difference
    per task (0 to 1), `difference` and `conclusion` those of the pilot; `power_now` and
    `detectable_now` (0 to 1): of the pilot's own design; `tasks`, `repeats`, `passes`, `power`,
    `usd`: the plan (NaN: none has the power, or the price is not known), made with the 80 % upper
    limit of the SD (also `tasks_cautious`), because with the SD as it is a plan is short every
    second time; `tasks_as_seen`, `power_as_seen`: with the SD as it is, at the plan's repeats.
    Where tasks share clusters, variances are larger by what that costs in the pilot. No plan from
    fewer than 8 tasks. `dominated`: which of the two is beaten
    on score and cost beyond chance. `attrs["study"]`: one study for all pairs that are undecided
    (None when none is), `attrs["leave_out"]`: dominated recipes it does not need.

    Raises
    ------
    StatisticsError : unknown reference, one recipe, a difference that is not above 0, no price
        where dollars are given
    """
    known = tidied(trials)
    compared = compare(known, reference=reference, missing=missing)
    aim = Aim(difference=difference / 100, power=power, alpha=alpha / len(compared))
    beaten = {
        str(row["recipe"]): str(row["dominated_by"])
        for row in pareto(known, missing=missing, resamples=100).to_dict("records")
    }
    grading = _grading(verdicts, trials)
    rows, plans = [], {}
    for pair in compared.to_dict("records"):
        a, b = str(pair["a"]), str(pair["b"])
        noise = noise_of(known, a, b, grading=grading, missing=missing)
        noise = noise.times(_of_clusters(pair))
        prices = prices_of(known, [a, b], calls)
        plan = _plan(noise, aim, prices, usd, tasks)
        plans[a, b] = noise
        lost = [name for name in (a, b) if beaten.get(name)]
        rows.append(_row(pair, noise, aim, prices, plan) | {"dominated": ", ".join(lost)})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials), "aim": asdict(aim)}
    table.attrs |= _whole(table, plans, aim, known, calls, usd, tasks, beaten)
    return table


def _plan(
    noise: Noise, aim: Aim, prices: Prices, usd: float | None, tasks: int | None
) -> Study | None:
    if math.isnan(noise.interaction) or noise.n < LEAST_PILOT or noise.sd() == 0:
        return None
    if usd is None:
        return cheapest(noise.cautious(), aim, prices, tasks=tasks)
    return strongest(noise.cautious(), aim, prices, usd, tasks=tasks)


def _of_clusters(pair: Mapping[Hashable, Any]) -> float:
    """How much larger the variance of the mean is for tasks that share clusters; 1 without."""
    plain = pair["sd"] ** 2 / pair["n"] if pair["n"] > 1 else 0.0
    if "cluster" not in str(pair["method"]) or not plain > 0 or math.isnan(pair["se"]):
        return 1.0
    return float(max(1.0, pair["se"] ** 2 / plain))


def _row(
    pair: Mapping[Hashable, Any], noise: Noise, aim: Aim, prices: Prices, plan: Study | None
) -> dict[str, object]:
    now = study(noise, aim, prices, noise.n, 1)
    if noise.n >= 2:
        now = study(noise, aim, prices, noise.n, max(1, round(noise.repeats)))
    row: dict[str, object] = {
        **{name: pair[name] for name in ("a", "b", "difference", "conclusion")},
        "sd": noise.sd(noise.repeats) if noise.n >= 2 else float("nan"),
        "interaction": noise.interaction, "draw": noise.draw, "grading": noise.grading,
        "n": noise.n, "repeats_now": noise.repeats, "power_now": now.power,
        "detectable_now": now.detectable,
        "method": f"noncentral t, two-sided, alpha {aim.alpha:.4g} each, power {aim.power:.0%}",
        "caveat": _caveat(noise, plan, prices),
    }  # fmt: skip
    if plan is not None:
        row |= {"tasks": plan.tasks, "repeats": plan.repeats, "passes": plan.passes}
        row |= {"power": plan.power, "usd": plan.usd, "tasks_cautious": plan.tasks}
        seen = study(noise, aim, prices, plan.tasks, plan.repeats, plan.passes)
        sd = noise.sd(plan.repeats, plan.passes)
        least = tasks_needed(aim.difference, sd, aim.power, aim.alpha, aim.sides)
        row |= {"tasks_as_seen": least, "power_as_seen": seen.power}
    return row


def _caveat(noise: Noise, plan: Study | None, prices: Prices) -> str:
    notes = []
    if noise.n < 2:
        notes.append("fewer than two tasks in common: nothing is known about the noise")
    elif noise.n < LEAST_PILOT:
        notes.append(f"a pilot of {noise.n} tasks does not know the SD: no plan from it")
    elif noise.sd() == 0:
        notes.append("no spread seen, which is not no spread: no plan from it")
    elif noise.n < _FEW:
        notes.append(f"a pilot of {noise.n} tasks knows the SD badly")
    if noise.repeats == 1 and noise.n >= 2:
        notes.append("one repeat: what more repeats would bring is not known, so none are planned")
    if noise.n >= LEAST_PILOT and noise.sd() > 0 and plan is None:
        notes.append("no design within the limits has the power")
    if math.isnan(prices.of(1, 1, 1)):
        notes.append("a cost is not known, so the plan has no price")
    return "; ".join(notes)


def prices_of(
    trials: pd.DataFrame, recipes: Sequence[str], calls: pd.DataFrame | None = None
) -> Prices:
    """US$ per task and repeat of all these recipes together, and of grading them once.

    With `calls`, a call that several of them share is paid once. NaN where a cost is unknown.
    """
    rows = trials[trials["recipe"].astype(str).isin(list(recipes))]
    pairs = pd.DataFrame({"task": task_key(rows), "repeat": rows["repeat"]}).drop_duplicates()
    grading = rows["grading_usd"] if "grading_usd" in rows else pd.Series(np.nan, rows.index)
    each = float(grading.astype(float).sum(skipna=False)) / len(pairs) if len(pairs) else np.nan
    if calls is None or not len(calls):
        cost = float(rows["cost_usd"].astype(float).sum(skipna=False)) / len(pairs)
        return Prices(answers=cost, grading=each)
    used = calls[calls["recipe"].astype(str).isin(list(recipes))]
    distinct = used.drop_duplicates("key")
    graded = distinct["purpose"] == "grading"
    answers = float(distinct.loc[~graded, "cost_usd"].astype(float).sum(skipna=False))
    marked = float(distinct.loc[graded, "cost_usd"].astype(float).sum(skipna=False))
    return Prices(answers=answers / len(pairs), grading=marked / len(pairs))


def _grading(verdicts: pd.DataFrame | None, trials: pd.DataFrame) -> float | None:
    """Variance that one pass adds to a *difference*, from the verdicts; None where unknown."""
    if verdicts is None or not len(verdicts) or verdicts["grader_pass"].nunique() < 2:
        return None
    wide = graded(verdicts, trials).set_index(list(GRADING))["score"].unstack([-2, -1])
    found = grading_noise(wide.to_numpy(dtype=np.float64))
    return None if found is None else 2 * found


def _whole(
    table: pd.DataFrame, plans: dict[tuple[str, str], Noise], aim: Aim, trials: pd.DataFrame,
    calls: pd.DataFrame | None, usd: float | None, tasks: int | None, beaten: dict[str, str],
) -> dict[Hashable | None, Any]:  # fmt: skip
    """One study for all undecided pairs: as noisy as the noisiest of them, all recipes paid."""
    leave_out = [name for name, by in beaten.items() if by]
    open_ = table[(table["conclusion"] == "undecided") & table["sd"].notna()]
    worth = [
        (str(a), str(b))
        for a, b in zip(open_["a"], open_["b"], strict=True)
        if a not in leave_out and b not in leave_out
    ]
    if not worth:
        return {"study": None, "leave_out": leave_out}
    names = list(dict.fromkeys(name for pair in worth for name in pair))
    noise = max((plans[pair] for pair in worth), key=lambda n: n.sd())
    plan = _plan(noise, aim, prices_of(trials, names, calls), usd, tasks)
    found = None if plan is None else asdict(plan) | {"recipes": names, "pairs": len(worth)}
    return {"study": found, "leave_out": leave_out}
