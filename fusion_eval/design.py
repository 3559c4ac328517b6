"""Above both towers: a plan of calls joined with what it can detect, and pilots without a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval import api
from fusion_eval.bench.plan import Plan
from fusion_eval.core import Bench, Recipe, Task
from fusion_eval.errors import InputError
from fusion_eval.simulator import Sample, load_world, sample
from fusion_eval.stats.noise import PUBLISHED_SD, published
from fusion_eval.stats.plans import Aim, Prices, Study, cheapest, strongest, study
from fusion_eval.stats.power import ALPHA, POWER, detectable

PILOT_REPEATS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Differences (points) that a design detects with 80 % power at two-sided 5 %.

    `points`: for a pair of recipes as alike as the most alike, the median and the least alike of
    public runs. `all_points`: the same while looking at `comparisons` at once.
    """

    points: tuple[float, float, float]
    all_points: tuple[float, float, float]
    comparisons: int
    source: str

    def as_json(self) -> dict[str, Any]:
        """For `plan --json`; what cannot be known is null."""
        found = asdict(self)
        for name in ("points", "all_points"):
            found[name] = [None if np.isnan(x) else x for x in found[name]]
        return found


def planned(
    tasks: str | Path | Iterable[str | Path], bench: str | Path = "demo", **choices: Any
) -> tuple[Plan, Reach]:
    """What a run would ask and cost (see `api.plan`), and what it could detect."""
    plan = api.plan(tasks, bench, **choices)
    return plan, reach(plan.tasks, plan.repeats, plan.recipes, checked=plan.checked)


def reach(
    tasks: int, repeats: int = 1, recipes: int = 2, passes: int = 1, checked: int = 0
) -> Reach:
    """What so many tasks and repeats detect, by the noise of public runs.

    checked : how many tasks are scored right or wrong, which varies several times as much
    """
    pairs, share = max(1, recipes - 1), checked / max(1, tasks)
    sds = [published(which, share).sd(repeats, passes) for which in range(len(PUBLISHED_SD))]
    alone, together = (
        [round(100 * detectable(sd, tasks, POWER, alpha), 1) for sd in sds]
        for alpha in (ALPHA, ALPHA / pairs)
    )
    return Reach(
        points=(alone[0], alone[1], alone[2]),
        all_points=(together[0], together[1], together[2]),
        comparisons=pairs, source=published(1, share).source,
    )  # fmt: skip


def published_studies(
    difference: float, *, usd: float | None = None, tasks: int | None = None,
    prices: Prices | None = None, power: float = POWER, recipes: int = 2,
) -> list[dict[str, Any]]:  # fmt: skip
    """Studies that find `difference` (points) by the noise of public runs: alike, median, unlike.

    prices : US$ of one task and repeat; unknown by default, and then `usd` is refused
    Raises StatisticsError for a difference that cannot be looked for.
    """
    aim = Aim(difference=difference / 100, power=power, alpha=ALPHA / max(1, recipes - 1))
    known = prices or Prices(answers=float("nan"), grading=float("nan"))
    rows = []
    for which, words in enumerate(("most alike", "median", "least alike")):
        noise = published(which)
        plan = (
            cheapest(noise, aim, known, tasks=tasks)
            if usd is None
            else strongest(noise, aim, known, usd, tasks=tasks)
        )
        row: dict[str, Any] = {"pair": words, "sd": noise.sd(), "plan": _plain(plan)}
        if tasks is not None:
            row["these_tasks"] = _plain(study(noise, aim, known, tasks))
        rows.append(row)
    return rows


def _plain(plan: Study | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    values = asdict(plan)
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in values.items()}


def simulated_pilot(
    tasks: str | Path | Iterable[str | Path],
    bench: str | Path = "demo",
    *,
    repeats: int = PILOT_REPEATS,
    seed: int = 0,
    recipes: Sequence[str] | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Trials of a bench on the simulator without a request, for planning. SIMULATED.

    Raises InputError where a recipe seats a model that is not simulated, and BenchFileError for
    what only the wire can run (nested recipes, a user's own strategies).
    """
    chosen, ready, _ = api.settled(tasks, bench, recipes=recipes, limit=limit)
    world = load_world(_world(ready))
    drawn = sample(
        world, chosen.tasks, list(ready.recipes.values()), repeats, np.random.default_rng(seed)
    )
    return sampled_trials(drawn, chosen.tasks, list(ready.recipes.values()))


def sampled_trials(drawn: Sample, tasks: Sequence[Task], recipes: Sequence[Recipe]) -> pd.DataFrame:
    """A sample of the direct sampler as trials; latencies and grading have no price there."""
    shape = drawn.score.shape
    r, t, k = (axis.ravel() for axis in np.indices(shape))
    failed = drawn.failed.ravel()
    score = np.where(failed, np.nan, drawn.score.ravel())
    frame = pd.DataFrame({
        "task": np.array([task.id for task in tasks], dtype=object)[t],
        "task_hash": np.array([task.hash for task in tasks], dtype=object)[t],
        "domain": np.array([task.domain for task in tasks], dtype=object)[t],
        "recipe": np.array([recipe.name for recipe in recipes], dtype=object)[r],
        "strategy": np.array([recipe.strategy for recipe in recipes], dtype=object)[r],
        "repeat": k, "score": score,
        "failure": pd.Series("simulated", range(failed.size), dtype=object).where(failed, None),
        "cost_usd": drawn.cost_usd.ravel(),
    })  # fmt: skip
    frame.attrs = {"simulated": True}
    return frame


def _world(bench: Bench) -> str:
    """The one world in which all models of the recipes live."""
    seats = [member for recipe in bench.recipes.values() for member in recipe.members]
    models = [seat.model for seat in seats if seat.model is not None]
    real = sorted({m.name for m in models if m.endpoint.simulator is None})
    if real:
        raise InputError(
            f"not simulated: {', '.join(real)}; a pilot of real models is a run: fusion-eval run … "
            "--limit 10, and then power on it"
        )
    worlds = sorted({str(m.endpoint.simulator) for m in models})
    if len(worlds) != 1:
        raise InputError(f"the recipes live in several worlds ({', '.join(worlds)}); give one")
    return worlds[0]
