"""`fe.compare`: of trials in memory, of runs, and of the logs of other harnesses as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.importing import read_trials
from fusion_eval.stats.compare import compare as compare_trials
from fusion_eval.stats.compare import compare_runs
from fusion_eval.store import Run

Source = pd.DataFrame | Run | str | Path | Sequence[str | Path]


def compare(
    trials: Source, reference: str | Path | None = None, *arguments: Any, **options: Any
) -> pd.DataFrame:
    """Compare recipes on the tasks they share, with errors controlled over the whole table.

    Parameters
    ----------
    trials : a table of trials, see `fusion_eval.stats.compare`; a run or its path; or logs and
        tables that `import` reads, one or several
    reference : compare every other recipe with this one (default: all pairs); or the path of a
        second run or log, `fe.compare("a.eval", "b.eval")`: a recipe that both have is compared
        with itself, otherwise the recipes of the first with those of the second
    arguments, options : as `fusion_eval.stats.compare.compare` takes them

    Returns
    -------
    DataFrame with `difference`, `low`, `high`, `p`, `p_adjusted`, `conclusion`, `caveat`, …

    Raises
    ------
    TableError : a file that cannot be read; and what `fusion_eval.stats.compare` raises
    """
    first = opened(trials)
    if (
        reference is not None
        and is_source(reference)
        and str(reference) not in set(first["recipe"])
    ):
        return of_two(first, opened(reference), *arguments, **options)
    named = None if reference is None else str(reference)
    return compare_trials(first, named, *arguments, **options)


def is_source(source: object) -> bool:
    """Whether there is a file or folder of this name."""
    return isinstance(source, Run | Path) or (isinstance(source, str) and Path(source).exists())


def opened(source: Source) -> pd.DataFrame:
    """The trials of a run, or of logs and tables, read without making a run of them."""
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, Run):
        return frames.trials(source)
    if isinstance(source, str | Path) and (Path(source) / "manifest.json").exists():
        return frames.trials(source)
    return read_trials(source)


def of_two(
    first: pd.DataFrame, second: pd.DataFrame, *arguments: Any, **options: Any
) -> pd.DataFrame:
    """The recipes that both have, each with itself; without any, first against second."""
    theirs = frames.recipes(second)
    if set(frames.recipes(first)) & set(theirs):
        return compare_runs(first, second, *arguments, **options)
    options.pop("force", None)
    both = pd.concat([first, second], ignore_index=True)
    both.attrs = {"simulated": frames.is_simulated(first) or frames.is_simulated(second)}
    return compare_trials(both, theirs[0] if len(theirs) == 1 else None, *arguments, **options)
