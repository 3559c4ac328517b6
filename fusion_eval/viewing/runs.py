"""The runs and gate baselines of a results directory, as far as their manifests tell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fusion_eval.errors import TableError
from fusion_eval.store import LIVE, Run, read_run

BASELINE = "baseline.json"
_DAMAGED = "damaged"
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run as a row of the list; what its manifest does not tell is None.

    status : of the manifest; `running` only while a process works on it, `stopped` where that
        process ended without a word, `damaged` where nothing can be read
    dollars : US$ that the run paid or may have paid, grading included
    calls_of_unknown_price : calls that come on top of `dollars`
    problem : why a damaged run cannot be read
    """

    id: str
    path: str
    date: str | None = None
    tasks: str | None = None
    bench: str | None = None
    status: str = _DAMAGED
    simulated: bool = False
    recipes: tuple[str, ...] = ()
    trials_done: int | None = None
    trials_wanted: int | None = None
    dollars: float | None = None
    calls_of_unknown_price: int | None = None
    has_report: bool = False
    has_labels: bool = False
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The row for programs."""
        return asdict(self)


def listed(results: Path) -> list[Listed]:
    """All runs, newest first. Raises TableError where there is no such directory."""
    if not results.is_dir():
        raise TableError(f"{results}: no such directory; give the --output-dir of your runs")
    rows = [row_of(folder) for folder in _folders(results)]
    return sorted(rows, key=lambda row: (row.date or "", row.id), reverse=True)


def _folders(results: Path) -> Iterator[Path]:
    """Directories of runs, also those whose manifest cannot be read; `latest` is a link to one."""
    for entry in os.scandir(results):
        folder = Path(entry.path)
        if not entry.is_symlink() and entry.is_dir() and _is_run(folder):
            yield folder


def _is_run(folder: Path) -> bool:
    """A directory with a manifest, or with a table of trials that has lost it."""
    try:
        return (folder / "manifest.json").exists() or (folder / "trials.parquet").exists()
    except OSError:
        return True


def run_of(results: Path, name: str) -> Run | None:
    """The run of this id in the directory, or None; a name is never a path."""
    folder = results / name
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        return None
    try:
        return read_run(folder) if _is_run(folder) and not folder.is_symlink() else None
    except TableError:
        return None


def baselines(results: Path) -> list[str]:
    """Folders in the directory that hold a frozen baseline of the gate."""
    return sorted(path.parent.name for path in results.glob(f"*/{BASELINE}"))


def row_of(folder: Path) -> Listed:
    """A run directory as a row; where it cannot be read the row says so."""
    try:
        found = os.stat(folder / "manifest.json")
        manifest = _manifest(folder, found.st_mtime_ns, found.st_size)
        return _told(folder, manifest)
    except (TableError, OSError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem).split("; ")[0]
        return Listed(id=folder.name, path=str(folder), problem=why or "cannot be read")


@lru_cache(maxsize=4096)
def _manifest(folder: Path, _changed: int, _size: int) -> Mapping[str, Any]:
    return read_run(folder).manifest


def _told(folder: Path, manifest: Mapping[str, Any]) -> Listed:
    trials, money = (manifest.get(name) or {} for name in ("trials", "money"))
    recipes = manifest.get("recipes") or {}
    return Listed(
        id=folder.name,
        path=str(folder),
        date=_text(manifest.get("started") or manifest.get("imported")),
        tasks=_tasks(manifest),
        bench=_text((manifest.get("bench") or {}).get("name")),
        status=status_of(folder, manifest),
        simulated=bool(manifest.get("simulated")),
        recipes=tuple(map(str, recipes)),
        trials_done=_count(trials.get("done")),
        trials_wanted=_count(trials.get("wanted")),
        dollars=_number(manifest.get("paid_usd")),
        calls_of_unknown_price=_count(_part(money, "calls_of_unknown_price")),
        has_report=(folder / "report.html").exists(),
        has_labels=(folder / "labels" / "sheet.csv").exists(),
    )


def status_of(folder: Path, manifest: Mapping[str, Any]) -> str:
    """The status, by whether a process still works on a run that says it is running."""
    status = _text(manifest.get("status")) or "unknown"
    if status == "running" and is_held(folder) is False:
        return "stopped"
    return status


def is_held(folder: Path) -> bool | None:
    """Whether a process holds the lock of a run directory; None where this cannot be told.

    Read from the kernel's list: to try the lock would keep a run from going on.
    """
    try:
        lock = os.stat(folder / ".lock")
        lines = _LOCKS.read_text("ascii", "replace").splitlines()
    except FileNotFoundError as missing:
        return False if missing.filename != str(_LOCKS) else None
    except OSError:
        return None
    inode = str(lock.st_ino)  # its device may be another in that list: overlay file systems
    return any(
        field.rpartition(":")[2] == inode
        for line in lines
        for field in line.split()
        if ":" in field
    )


def live_file(folder: Path) -> Path | None:
    """The file in which a run tells how far it is: that of the process that wrote last."""
    files = [(path.stat().st_mtime_ns, path) for path in _exist(folder.glob(f".{LIVE}.*.part"))]
    return max(files)[1] if files else None


def _exist(paths: Iterator[Path]) -> Iterator[Path]:
    return (path for path in paths if path.exists())


def _tasks(manifest: Mapping[str, Any]) -> str | None:
    """Names of the files that tasks, or imported results, came from."""
    tasks = manifest.get("tasks") or {}
    sources = tasks.get("sources") or [_part(one, "file") for one in manifest.get("sources") or ()]
    names = [Path(str(source)).name for source in sources if source]
    return ", ".join(names) or _text(tasks.get("name"))


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _number(value: Any) -> float | None:
    """A number of dollars. Where a manifest has none they are unknown, and not 0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
