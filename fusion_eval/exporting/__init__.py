"""A run in the formats of others: CSV, logs of Inspect, Every Eval Ever, a data set for a hub.

Every table says run id, version and whether it is SIMULATED, and `import` reads each of the four
back without loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fusion_eval.errors import InputError
from fusion_eval.exporting import eee, hub, inspect, tables
from fusion_eval.exporting.content import Content
from fusion_eval.store import Run, read_run

__all__ = ["FORMATS", "export"]

FORMATS: Mapping[str, Callable[[Content, Path], list[Path]]] = {
    "csv": tables.write,
    "inspect": inspect.write,
    "eee": eee.write,
    "hf": hub.write,
}


def export(run: Run | str | Path, to: str, folder: str | Path | None = None) -> list[Path]:
    """Write a run in another format; returns the files.

    Parameters
    ----------
    run : a run or its directory
    to : `csv` (a table each), `inspect` (a log for each recipe), `eee` (a record and samples for
        each recipe), `hf` (Parquet with a data card, for `datasets` and the hub)
    folder : where to; by default `export-FORMAT` in the run's directory

    Raises
    ------
    InputError : an unknown format, or a folder in which something stands already
    TableError : no run there
    """
    if to not in FORMATS:
        raise InputError(f"--to {to}: no such format; choose {', '.join(FORMATS)}")
    opened = run if isinstance(run, Run) else read_run(run)
    target = Path(folder) if folder is not None else opened.path / f"export-{to}"
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: there is something already; give an empty folder: --out DIR")
    target.mkdir(parents=True, exist_ok=True)
    return FORMATS[to](Content(opened), target)
