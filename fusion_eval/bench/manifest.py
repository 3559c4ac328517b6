"""The manifest of a run: all that is needed to say what was run, and to go on with it."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import platform
import secrets
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fusion_eval
from fusion_eval import prompts, store
from fusion_eval.bench.identity import fingerprint
from fusion_eval.bench.lint import lint, token_limits
from fusion_eval.bench.pricing import frozen
from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Bench, Grader, TaskSet, digest
from fusion_eval.engine.prices import price_of
from fusion_eval.errors import TableError
from fusion_eval.grading import protocol_hash

FINISHED = "finished"
PACKAGES = ("openai", "numpy", "pandas", "scipy", "pydantic", "genai-prices")


def inputs_hash(tasks: TaskSet, bench: Bench) -> str:
    """SHA-256 (16 hex digits) of what decides the outcome: tasks, bench, prompts."""
    return digest([tasks.hash, fingerprint(bench), prompts.digests()])[:16]


def describe(tasks: TaskSet, bench: Bench, run_id: str) -> dict[str, Any]:
    """The manifest of a run that starts now."""
    prices = frozen({m.name: price_of(m) for m in models_used(bench)})
    return {
        "run_id": run_id,
        "status": "running",
        "simulated": _simulated(tasks, bench),
        "graded": None
        if bench.answers is None
        else {"source": bench.answers.source, "answers": bench.answers.hash},
        "started": _now(),
        "inputs_hash": inputs_hash(tasks, bench),
        "tasks": {
            "name": tasks.name,
            "sources": list(tasks.sources),
            "hash": tasks.hash,
            "count": len(tasks.tasks),
            "hashes": {task.id: task.hash for task in tasks.tasks},
        },
        "limit": tasks.limit,
        "bench": {"name": bench.name, "hash": fingerprint(bench)},
        "recipes": {name: recipe.strategy for name, recipe in bench.recipes.items()},
        "token_limits": token_limits(bench),
        "controls": {name: asdict(of) for name, of in bench.controls.items()},
        "equal_dollars": {size.recipe: asdict(size) for size in bench.sizes},
        "study": bench.study,
        "sample": _sample(bench),
        "warnings": [
            {"code": w.code, "text": w.text, "reason": w.reason} for w in lint(bench, tasks)
        ],
        "repeats": bench.repeats,
        "seed": bench.seed,
        "grader": described(bench.grader) if bench.grader else None,
        "final_answers": bench.reading,
        "prompts": prompts.digests(),
        "prices": prices,
        "prices_hash": digest(prices)[:16],
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


def _sample(bench: Bench) -> dict[str, Any] | None:
    """With what a part of the criteria was drawn, so that the draw can be made again."""
    if bench.answers is None or bench.answers.sample is None:
        return None
    return {"share": bench.answers.sample, "seed": bench.seed, "repeats": bench.repeats}


def _simulated(tasks: TaskSet, bench: Bench) -> bool:
    """Whether an answer or a verdict can come from the simulator; what is checked asks nobody."""
    called = any(e.simulator for e in _endpoints(bench))
    if bench.answers is None:
        return called
    asks = any(task.target is None for task in tasks.tasks)
    return bench.answers.simulated or (called and asks)


def described(grader: Grader) -> dict[str, Any]:
    """Who grades and by which protocol, with the hash by which protocols are told apart."""
    protocol = grader.protocol
    return {
        "model": ", ".join(member.name for member in grader.members),
        "models": [member.name for member in grader.members],
        "protocol": protocol.name,
        "hash": protocol_hash(grader),
        **protocol.content(),
    }


def _endpoints(bench: Bench) -> list[Any]:
    return list({m.endpoint.name: m.endpoint for m in models_used(bench)}.values())


def begun(tasks: TaskSet, bench: Bench, folder: Path) -> dict[str, Any]:
    """The manifest of a run that starts, or goes on, now."""
    manifest = describe(tasks, bench, folder.name)
    with contextlib.suppress(TableError):
        before = store.read_run(folder).manifest
        manifest |= {name: before[name] for name in ("started", "prices_at") if name in before}
    return manifest


def began_with(folder: Path, what: str) -> dict[str, Any]:
    """The `prices` or `equal_dollars` that a run began with; none for one that begins now."""
    with contextlib.suppress(TableError):
        return dict(store.read_run(folder).manifest.get(what) or {})
    return {}


def claim(
    results: Path, wanted: str, held: contextlib.ExitStack, *, unreported: bool = False
) -> str | None:
    """The newest run with the same inputs that is not finished and that nobody works on; it is
    ours from here on, so that two processes that start together never go on with the same one.
    With `unreported` also one that is finished and whose report is not whole."""
    for path in sorted(results.glob("*/manifest.json"), reverse=True):
        folder = path.parent
        if folder.is_symlink() or not _goes_on(folder, wanted, unreported):
            continue
        with contextlib.ExitStack() as lock:
            if hold(folder, lock) and _goes_on(folder, wanted, unreported):
                held.enter_context(lock.pop_all())
                return folder.name
    return None


def _goes_on(folder: Path, wanted: str, unreported: bool) -> bool:
    with contextlib.suppress(TableError):
        manifest = store.read_run(folder).manifest
        ended = manifest.get("status") == FINISHED
        if ended and unreported:
            ended = (folder / "summary.json").exists()
        return manifest.get("inputs_hash") == wanted and not ended
    return False


def new_run_id(wanted: str) -> str:
    """Time, start of the input hash, and something random: sorts by time and never collides."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{wanted[:6]}-{secrets.token_hex(2)}"


def hold(folder: Path, held: contextlib.ExitStack) -> bool:
    """Lock a run directory until `held` closes, or the process dies; False if another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = held.enter_context((folder / ".lock").open("w"))
    except PermissionError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


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
