"""What `fe.*` takes in place of trials: a run, its path, a log or table, or a table in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.errors import StatisticsError, did_you_mean
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
    for name, value in zip(("margin", "level"), arguments, strict=False):
        raise _by_name("compare", name, value)
    first = opened(trials)
    if (
        reference is not None
        and is_source(reference)
        and str(reference) not in set(first["recipe"])
    ):
        return of_two(first, opened(reference), *arguments, **options)
    named = None if reference is None else str(reference)
    compared: pd.DataFrame = taking_all(compare_trials)(first, named, *arguments, **options)
    return compared


def is_source(source: object) -> bool:
    """Whether there is a file or folder of this name."""
    return isinstance(source, Run | Path) or (isinstance(source, str) and Path(source).exists())


def opened(source: Source) -> pd.DataFrame:
    """The trials of a run, or of logs and tables, read without making a run of them.

    A table in memory may be of pandas, or of whatever hands over Arrow: polars, pyarrow, DuckDB.
    """
    if isinstance(source, pd.DataFrame):
        return source
    if (table := in_memory(source)) is not None:
        return table
    if isinstance(source, Run):
        return frames.trials(source)
    if isinstance(source, str | Path) and (Path(source) / "manifest.json").exists():
        return frames.trials(source)
    return read_trials(source)


def in_memory(source: object) -> pd.DataFrame | None:
    """A table of another library as a data frame of pandas; None for what is no table."""
    import pyarrow as pa

    if hasattr(source, "__arrow_c_stream__"):
        source = pa.table(source)
    elif hasattr(source, "to_arrow_table"):
        source = source.to_arrow_table()
    if not isinstance(source, pa.Table):
        return None
    frame: pd.DataFrame = source.to_pandas()
    return frame


@cache
def taking_all(statistic: Callable[..., Any]) -> Callable[..., Any]:
    """A statistic that takes in place of its trials all that `opened` does.

    A misspelt option is a StatisticsError with the one that was meant. Statistics whose first
    parameter is no table of trials come back as they are.
    """
    known = signature(statistic).parameters
    if next(iter(known), "") != "trials":
        return statistic

    names = list(known)[1:]

    @wraps(statistic)
    def taking(trials: Any, *arguments: Any, **options: Any) -> Any:
        free = any(p.kind is Parameter.VAR_KEYWORD for p in known.values())
        for name in options if not free else ():
            if name not in known:
                hint = did_you_mean(name, [n for n in known if n != "trials"], "it has")
                raise StatisticsError(f"{statistic.__name__}: no option {name!r}; {hint}")
        for name, value in zip(names, arguments, strict=False):
            if name in _BY_NAME:
                raise _by_name(statistic.__name__, name, value)
        return statistic(opened(trials), *arguments, **options)

    return taking


_BY_NAME = frozenset({"margin", "level", "seed", "flips", "resamples", "draws"})
"""Options whose values are taken for one another where they have no name."""


def _by_name(function: str, name: str, value: object) -> StatisticsError:
    """A number in a place of its own would be whatever stands there: a margin, a level, a seed."""
    return StatisticsError(
        f"{function}: give options by name, as in {name}={value!r}, and not {value!r} alone"
    )


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
