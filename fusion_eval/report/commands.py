"""The commands that make a run and its report again, as they run from this folder."""

from __future__ import annotations

import contextlib
import shlex
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion_eval.report.words import plain
from fusion_eval.store import Run, read_bench


def commands(run: Run) -> list[str]:
    """Lines for a shell: one that writes the report again, one that makes the run again."""
    again = _import(run) if run.manifest.get("kind") == "import" else _run(run)
    report = [*_line("report", _near(run.path)), "  # this report; makes no call"]
    return ["".join(report), *(["".join(again)] if again else [])]


def _import(run: Run) -> list[str]:
    m = run.manifest
    source, criteria = _mapping(m.get("source")), _mapping(m.get("criteria"))
    words = [source.get("path", source.get("file"))]
    if criteria:
        words += ["--criteria", criteria.get("path", criteria.get("file"))]
    for ours, theirs in _mapping(m.get("chosen_columns")).items():
        words += ["--columns", f"{ours}={theirs}"]
    if (scale := m.get("scale", 1)) != 1:
        words += ["--scale", repr(scale)]
    if (policy := m.get("score", "draco")) != "draco":
        words += ["--score", str(policy)]
    return _line("import", *words, "-o", _near(run.path.parent))


def _run(run: Run) -> list[str]:
    tasks = _mapping(run.manifest.get("tasks"))
    sources = tasks.get("sources") or str(tasks.get("source") or "").split()
    if not sources:
        return []
    words = [*sources, "--bench", _near(run.path / "bench.yaml"), "-o", _near(run.path.parent)]
    chosen = list(_mapping(run.manifest.get("recipes")))
    if chosen and set(chosen) != set(_recipes(run, chosen)):
        words += ["--recipes", ",".join(chosen)]
    if run.manifest.get("limit") is not None:
        words += ["--limit", run.manifest["limit"]]
    return [*_line("run", *words, "--replay"), "  # again, from the ledger; makes no call"]


def _recipes(run: Run, otherwise: list[str]) -> list[str]:
    """Names of all recipes in the run's bench file; `otherwise` where that cannot be read."""
    bench = read_bench(run)
    return list(_mapping(bench.get("recipes"))) if bench else otherwise


def _near(path: Path) -> str:
    """The path relative to the working directory where it lies inside, else whole."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    return str(path)


def _line(verb: str, *words: object) -> list[str]:
    return [" ".join(["fusion-eval", verb, *(_quoted(str(word)) for word in words)])]


def _quoted(word: str) -> str:
    """Quoted for a shell; characters that would change how the line is shown are left out."""
    odd = any(unicodedata.category(c) in ("Cc", "Cf") for c in word)
    return shlex.quote(plain(word) if odd else word)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
