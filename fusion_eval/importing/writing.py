"""What was imported as a run directory: tables, texts, and where it all is from."""

from __future__ import annotations

import hashlib
import platform
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval.core import digest
from fusion_eval.errors import TableError
from fusion_eval.store import COLUMNS, Run, write_frame, write_lines, write_manifest


def file_facts(path: Path) -> dict[str, str]:
    """`path` as it was given, so that a person can give it again."""
    sha = hashlib.sha256()
    for part in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        sha.update(part.read_bytes())
    return {"file": path.name, "path": str(path), "sha256": sha.hexdigest()}


def versions() -> dict[str, str]:
    """Ours, and those of what reads tables."""
    found = {"python": platform.python_version()}
    for name in ("fusion-eval", "pandas", "numpy", "scipy"):
        try:
            found[name.replace("-", "_")] = version(name)
        except PackageNotFoundError:  # run from a checkout that was never installed
            found[name.replace("-", "_")] = "unknown"
    return found


def new_id(inputs: Any) -> str:
    """`20261120-114500-3fa9c1-x7`: when, from what, and something that makes it unique."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    random = "".join(secrets.choice(alphabet) for _ in range(2))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{digest(inputs)[:6]}-{random}"


def made_folder(output_dir: Path, run_id: str) -> Path:
    """A new directory; TableError where it is there already."""
    folder = output_dir / run_id
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except FileExistsError:
        raise TableError(f"{folder}: exists already; give another run id") from None
    except OSError as problem:
        raise TableError(f"{folder}: cannot be made ({problem.strerror})") from problem
    return folder.resolve()


def write(
    folder: Path,
    manifest: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    lines: Mapping[str, Sequence[Mapping[str, Any]] | Iterator[Mapping[str, Any]] | Path],
) -> Run:
    """Tables (those that are absent are empty), texts and manifest into a directory."""
    facts = {"run_id": folder.name, "simulated": bool(manifest["simulated"])}
    for name in dict.fromkeys(("trials", "verdicts", "calls", *tables)):
        frame = tables.get(name, pd.DataFrame(columns=list(COLUMNS[name])))
        write_frame(folder, name, frame, facts)
    for name, rows in lines.items():
        if isinstance(rows, Path):
            shutil.copyfile(rows, folder / f"{name}.jsonl")
        else:
            write_lines(folder / f"{name}.jsonl", rows)
    return write_manifest(folder, {"run_id": folder.name, **manifest})


def texts(table: pd.DataFrame, trials: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Lines of `answers.jsonl` and `tasks.jsonl`, where a table has the texts for them."""
    lines: dict[str, list[dict[str, Any]]] = {}
    keys = ["recipe", "task", "repeat"]
    if {"answer", "detail"} & set(table):
        facts = trials.set_index(keys)[["failure", "finish"]]
        rows = table.drop_duplicates(keys).set_index(keys).reindex(facts.index)
        lines["answers"] = [
            {"task": task, "recipe": recipe, "repeat": int(repeat), "answer": _text(answer),
             "failure": _text(failure), "detail": _text(detail), "finish": _text(finish),
             "degraded": []}
            for (recipe, task, repeat), answer, detail, failure, finish in zip(
                facts.index, rows.get("answer", facts["failure"].map(lambda _: None)),
                rows.get("detail", facts["failure"].map(lambda _: None)),
                facts["failure"], facts["finish"], strict=True)
        ]  # fmt: skip
    if "question" in table:
        hashes = trials.drop_duplicates("task").set_index("task")
        rows = table.drop_duplicates("task").set_index("task")
        lines["tasks"] = [
            {"id": task, "hash": hashes.at[task, "task_hash"],
             "domain": _text(hashes.at[task, "domain"]) or "",
             "messages": [{"role": "user", "content": _text(row.get("question")) or ""}],
             "target": _target(row.get("target")), "criteria": []}
            for task, row in zip(rows.index, rows.to_dict("records"), strict=True)
        ]  # fmt: skip
    return lines


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and pd.isna(value)) or value == "":
        return None
    return str(value)


def _target(value: Any) -> str | None:
    return ", ".join(map(str, value)) if isinstance(value, list) else _text(value)


def calls_of(rows: Sequence[Mapping[str, Any]], names: Mapping[Any, str]) -> pd.DataFrame:
    """Rows of the table of calls; `names` tells what a task is called after all files were read."""
    made = [
        {**row, "task": names.get(str(row["task"]), str(row["task"])),
         "repeat": int(row.get("repeat") or 0), "attempt": 1, "cached": True, "draw": "0",
         "cost_source": "imported" if row.get("cost_usd") is not None else None,
         "key": digest([{k: str(v) for k, v in row.items()}, place])}
        for place, row in enumerate(rows)
    ]  # fmt: skip
    return pd.DataFrame(made, columns=list(COLUMNS["calls"]))


def answer_hash(answer: str) -> str:
    """SHA-256 (16 hex digits) of an answer, as runs have it."""
    return hashlib.sha256(answer.encode()).hexdigest()[:16]
