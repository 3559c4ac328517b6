"""The manifest of a run: all that is needed to say what was run, and to go on with it."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import platform
import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fusion_eval
from fusion_eval import prompts, store
from fusion_eval.bench.configure import fingerprint
from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Bench, TaskSet, digest
from fusion_eval.engine.prices import price_of
from fusion_eval.errors import TableError

FINISHED = "finished"
PACKAGES = ("openai", "numpy", "pandas", "scipy", "pydantic", "genai-prices")


def inputs_hash(tasks: TaskSet, bench: Bench) -> str:
    """SHA-256 (16 hex digits) of what decides the outcome: tasks, bench, prompts."""
    return digest([tasks.hash, fingerprint(bench), prompts.digests()])[:16]


def describe(tasks: TaskSet, bench: Bench, run_id: str) -> dict[str, Any]:
    """The manifest of a run that starts now."""
    prices = {m.name: price_of(m) for m in models_used(bench)}
    return {
        "run_id": run_id,
        "status": "running",
        "simulated": any(e.simulator for e in _endpoints(bench)),
        "started": _now(),
        "inputs_hash": inputs_hash(tasks, bench),
        "tasks": {
            "name": tasks.name,
            "source": tasks.source,
            "hash": tasks.hash,
            "count": len(tasks.tasks),
            "hashes": {task.id: task.hash for task in tasks.tasks},
        },
        "bench": {"name": bench.name, "hash": fingerprint(bench)},
        "recipes": {name: recipe.strategy for name, recipe in bench.recipes.items()},
        "repeats": bench.repeats,
        "seed": bench.seed,
        "grader": None
        if bench.grader is None
        else {
            "model": bench.grader.member.name,
            "protocol": bench.grader.protocol,
            "passes": bench.grader.passes,
        },
        "prompts": prompts.digests(),
        "prices": {
            name: None
            if price is None
            else {"input": price.input, "output": price.output, "source": price.source}
            for name, price in prices.items()
        },
        "prices_at": _now(),
        "endpoints": {
            e.name: {"base_url": e.base_url, "simulator": e.simulator, "key": e.api_key_env}
            for e in _endpoints(bench)
        },
        "versions": {
            "fusion_eval": fusion_eval.__version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "git": _git_revision(),
    }


def _endpoints(bench: Bench) -> list[Any]:
    return list({m.endpoint.name: m.endpoint for m in models_used(bench)}.values())


def unfinished(results: Path, wanted: str) -> str | None:
    """The newest run with the same inputs that is not finished and that nobody works on."""
    for path in sorted(results.glob("*/manifest.json"), reverse=True):
        if path.parent.is_symlink():
            continue
        with contextlib.suppress(TableError):
            run = store.read_run(path.parent)
            same = run.manifest.get("inputs_hash") == wanted
            if same and run.manifest.get("status") != FINISHED and not _in_use(path.parent):
                return path.parent.name
    return None


def new_run_id(wanted: str) -> str:
    """Time, start of the input hash, and something random: sorts by time and never collides."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{wanted[:6]}-{secrets.token_hex(2)}"


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Hold a run directory, so that a second process with the same inputs starts its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _in_use(folder: Path) -> bool:
    try:
        with (folder / ".lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def ended(manifest: dict[str, Any], status: str, **facts: Any) -> dict[str, Any]:
    """The manifest of a run that stops now."""
    return {**manifest, **facts, "status": status, "ended": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git_revision() -> str | None:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
