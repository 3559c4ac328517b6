"""Two-phase grading: a cheap protocol on everything, the official one on a random part.

The estimate is that of `stats.difference`: what the official protocol says of the criteria that
`core.sampling.chosen` drew for it, and the cheap score with the weight that narrows the interval
most. Cochran (1977), Sampling Techniques, ch. 12.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd

from fusion_eval import frames
from fusion_eval.core.sampling import chosen
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.difference import Anchored, two_readings
from fusion_eval.stats.readings import TASK, UNIT, judged, keyed
from fusion_eval.store import Run, read_run

COLUMNS = ("recipe", "against", "value", "low", "high", "n", "method")


def two_phase(
    cheap: Run | str | Path, official: Run | str | Path, level: float = 0.95
) -> pd.DataFrame:
    """Scores and paired differences as the official protocol on everything would give them.

    Parameters
    ----------
    cheap : a run whose answers were all graded
    official : a run with verdicts on the same answers, on a part of the criteria that was drawn
        with the `share`, `seed` and `repeats` in its manifest under `sample`: what
        `fusion-eval grade CHEAP --protocol draco --sample 0.2` makes

    Returns
    -------
    DataFrame, columns COLUMNS, 0 to 1: one row per recipe (`against` is empty), then one per pair.
    Intervals are those of single estimates, not adjusted for looking at many.

    Raises
    ------
    StatisticsError : the second run was not drawn, or has none of the first one's answers
    """
    first = cheap if isinstance(cheap, Run) else read_run(cheap)
    second = official if isinstance(official, Run) else read_run(official)
    plan = second.manifest.get("sample")
    if not isinstance(plan, dict) or not {"share", "seed", "repeats"} <= plan.keys():
        raise StatisticsError(
            f"{second.id} is no random part: its manifest names no sample; "
            "grade with --sample SHARE"
        )
    trials, verdicts = frames.trials(first), frames.verdicts(first)
    read = second_phase(verdicts, frames.verdicts(second), **plan)
    both = two_readings(trials, verdicts, read, tasks=set(frames.task_key(trials)))
    table = _estimates(both, level)
    table.attrs = {**trials.attrs, "simulated": first.simulated or second.simulated}
    return table


def second_phase(
    verdicts: pd.DataFrame,
    official: pd.DataFrame,
    *,
    share: float,
    seed: int,
    repeats: int = 1,
) -> pd.DataFrame:
    """The second reading for `two_readings`: what was drawn, its probability, what was said.

    A drawn verdict that the official protocol could not read keeps the cheap one's reading: it
    corrects nothing there. One that it was never asked for is missing, and its task with it.
    """
    rows = keyed(judged(verdicts))
    rubric = rows.drop_duplicates([TASK, "criterion"])
    plan = []
    for key, part in rubric.groupby(TASK):
        weights = dict(zip(part["criterion"], part["weight"], strict=True))
        drawn = chosen(str(key), weights, range(repeats), seed=seed, share=share)
        plan += [(key, repeat, name, chance) for (repeat, name), chance in drawn.items()]
    units = pd.DataFrame(plan, columns=[TASK, "repeat", "criterion", "probability"])
    cheap = rows.groupby(UNIT, sort=False)["value"].mean().rename("cheap").reset_index()
    said = keyed(judged(official)).groupby(UNIT, sort=False)["value"].agg(["mean", "size"])
    joined = units.merge(cheap, on=[TASK, "repeat", "criterion"]).merge(
        said.reset_index(), how="left", on=UNIT
    )
    if joined["size"].isna().all():
        raise StatisticsError("the second run has no verdict that was drawn from the first one's")
    asked = joined["size"].notna()
    value = joined["mean"].where(joined["mean"].notna() | ~asked, joined["cheap"])
    return joined[[*UNIT, "probability"]].assign(value=value)


def _estimates(both: Anchored, level: float) -> pd.DataFrame:
    names = list(both.first.columns)
    rows = [(a, "", both.score(a, level)) for a in names]
    rows += [(a, b, both.difference(a, b, level)) for a, b in combinations(names, 2)]
    return pd.DataFrame(
        [(a, b, e.value, e.low, e.high, e.n, e.method) for a, b, e in rows], columns=list(COLUMNS)
    )
