"""From a pilot run to a plan: what it can detect, and which study would find a given difference."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.core.score_table import GRADING
from fusion_eval.frames import Missing
from fusion_eval.stats.bills import Bills
from fusion_eval.stats.compare import compare
from fusion_eval.stats.frontier import pareto
from fusion_eval.stats.noise import Answers, Noise, grading_noise
from fusion_eval.stats.plans import Aim, Prices, Study, cheapest_of, strongest_of, studies
from fusion_eval.stats.power import ALPHA, POWER, least_tasks
from fusion_eval.stats.results import FEW_TASKS, result
from fusion_eval.stats.tables import tidied
from fusion_eval.stats.verdicts import graded

COLUMNS = (
    "a", "b", "difference", "conclusion", "sd", "interaction", "draw", "grading", "n",
    "repeats_now", "power_now", "detectable_now", "tasks", "repeats", "passes", "power", "usd",
    "tasks_as_seen", "power_as_seen", "tasks_cautious", "dominated", "method", "caveat",
)  # fmt: skip
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
    grading, bills = _grading(verdicts, trials), Bills.of_tables(known, calls)
    answers, pairs = Answers.of(known, missing), compared.to_dict("records")
    names = [(str(pair["a"]), str(pair["b"])) for pair in pairs]
    noises = [
        answers.noise(*both, grading).times(_of_clusters(pair))
        for both, pair in zip(names, pairs, strict=True)
    ]
    prices = [bills.of(both) for both in names]
    rows = _rows(pairs, noises, aim, prices, _plans(noises, aim, prices, usd, tasks))
    for row, both in zip(rows, names, strict=True):
        row["dominated"] = ", ".join(name for name in both if beaten.get(name))
    table = result(rows, COLUMNS, trials, aim=asdict(aim))
    plans = dict(zip(names, noises, strict=True))
    table.attrs |= _whole(table, plans, aim, bills, usd, tasks, beaten)
    return table


def _plans(
    noises: Sequence[Noise], aim: Aim, prices: Sequence[Prices], usd: float | None,
    tasks: int | None,
) -> list[Study | None]:  # fmt: skip
    """The plan for each noise; None for a pilot that tells too little."""
    some = [
        k for k, noise in enumerate(noises)
        if not (math.isnan(noise.interaction) or noise.n < LEAST_PILOT or noise.sd() == 0)
    ]  # fmt: skip
    cautious, paid = [noises[k].cautious() for k in some], [prices[k] for k in some]
    if usd is None:
        found = cheapest_of(cautious, aim, paid, tasks=tasks)
    else:
        found = strongest_of(cautious, aim, paid, usd, tasks=tasks)
    plans = dict(zip(some, found, strict=True))
    return [plans.get(k) for k in range(len(noises))]


def _of_clusters(pair: Mapping[Hashable, Any]) -> float:
    """How much larger the variance of the mean is for tasks that share clusters; 1 without."""
    plain = pair["sd"] ** 2 / pair["n"] if pair["n"] > 1 else 0.0
    if "cluster" not in str(pair["method"]) or not plain > 0 or math.isnan(pair["se"]):
        return 1.0
    return float(max(1.0, pair["se"] ** 2 / plain))


def _rows(
    pairs: Sequence[Mapping[Hashable, Any]], noises: Sequence[Noise], aim: Aim,
    prices: Sequence[Prices], plans: Sequence[Study | None],
) -> list[dict[str, object]]:  # fmt: skip
    had = [max(1, round(n.repeats)) if n.n >= 2 else 1 for n in noises]
    now = studies(noises, aim, prices, [(n.n, k, 1) for n, k in zip(noises, had, strict=True)])
    rows = [
        _row(pair, noise, aim, study, _caveat(noise, plan, paid))
        for pair, noise, study, plan, paid in zip(pairs, noises, now, plans, prices, strict=True)
    ]
    planned = {k: plan for k, plan in enumerate(plans) if plan is not None}
    of = [noises[k] for k in planned]
    ways = [(plan.tasks, plan.repeats, plan.passes) for plan in planned.values()]
    seen = studies(of, aim, [prices[k] for k in planned], ways)
    sd = np.array([n.sd(k, m) for n, (_, k, m) in zip(of, ways, strict=True)])
    least = least_tasks(aim.difference, sd, aim.power, aim.alpha, aim.sides)
    for (k, plan), as_seen, tasks in zip(planned.items(), seen, least, strict=True):
        rows[k] |= {
            "tasks": plan.tasks, "repeats": plan.repeats, "passes": plan.passes,
            "power": plan.power, "usd": plan.usd, "tasks_cautious": plan.tasks,
            "tasks_as_seen": int(tasks), "power_as_seen": as_seen.power,
        }  # fmt: skip
    return rows


def _row(
    pair: Mapping[Hashable, Any], noise: Noise, aim: Aim, now: Study, caveat: str
) -> dict[str, object]:
    return {
        **{name: pair[name] for name in ("a", "b", "difference", "conclusion")},
        "sd": noise.sd(noise.repeats) if noise.n >= 2 else float("nan"),
        "interaction": noise.interaction, "draw": noise.draw, "grading": noise.grading,
        "n": noise.n, "repeats_now": noise.repeats, "power_now": now.power,
        "detectable_now": now.detectable,
        "method": f"noncentral t, two-sided, alpha {aim.alpha:.4g} each, power {aim.power:.0%}",
        "caveat": caveat,
    }  # fmt: skip


def _caveat(noise: Noise, plan: Study | None, prices: Prices) -> str:
    notes = []
    if noise.n < 2:
        notes.append("fewer than two tasks in common: nothing is known about the noise")
    elif noise.n < LEAST_PILOT:
        notes.append(f"a pilot of {noise.n} tasks does not know the SD: no plan from it")
    elif noise.sd() == 0:
        notes.append("no spread seen, which is not no spread: no plan from it")
    elif noise.n < FEW_TASKS:
        notes.append(f"a pilot of {noise.n} tasks knows the SD badly")
    if noise.repeats == 1 and noise.n >= 2:
        notes.append("one repeat: what more repeats would bring is not known, so none are planned")
    if noise.n >= LEAST_PILOT and noise.sd() > 0 and plan is None:
        notes.append("no design within the limits has the power")
    if math.isnan(prices.of(1, 1, 1)):
        notes.append("a cost is not known, so the plan has no price")
    return "; ".join(notes)


def _grading(verdicts: pd.DataFrame | None, trials: pd.DataFrame) -> float | None:
    """Variance that one pass adds to a *difference*, from the verdicts; None where unknown."""
    if verdicts is None or not len(verdicts) or verdicts["grader_pass"].nunique() < 2:
        return None
    wide = graded(verdicts, trials).set_index(list(GRADING))["score"].unstack([-2, -1])
    found = grading_noise(wide.to_numpy(dtype=np.float64))
    return None if found is None else 2 * found


def _whole(
    table: pd.DataFrame, plans: dict[tuple[str, str], Noise], aim: Aim, bills: Bills,
    usd: float | None, tasks: int | None, beaten: dict[str, str],
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
    (plan,) = _plans([noise], aim, [bills.of(names)], usd, tasks)
    found = None if plan is None else asdict(plan) | {"recipes": names, "pairs": len(worth)}
    return {"study": found, "leave_out": leave_out}
