"""Our own rows inside logs that we exported as Inspect's or Every Eval Ever's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval.importing.formats import eee, inspect
from fusion_eval.importing.formats.file import File
from fusion_eval.store import COLUMNS

Row = dict[str, Any]
_PARTS = ("verdicts", "calls", "labels")


def embedded(paths: list[Path]) -> tuple[dict[str, pd.DataFrame], dict[str, list[Row]], Row] | None:
    """(tables, texts, manifest) of logs that all carry our rows; None where one does not."""
    rows: list[Row] = []
    manifest: Row = {}
    for path in paths:
        file = File(path)
        if file.name.endswith(".json") and eee.fits(file):
            manifest = _manifest(file.document) or manifest
            continue
        found = list(_rows(file))
        if not found:
            return None
        rows += found
        if file.name.endswith(".json"):
            manifest = _of(file.document["eval"].get("metadata")) or manifest
    return _put_together(rows, manifest) if rows else None


def _manifest(record: Row) -> Row:
    return _of((record.get("detailed_evaluation_results") or {}).get("additional_details"))


def _of(metadata: Any) -> Row:
    value = metadata.get(inspect.OURS) if isinstance(metadata, dict) else None
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _rows(file: File) -> Iterator[Row]:
    if file.name.endswith(".json") and inspect.fits(file):
        samples: Any = file.document.get("samples") or []
    elif eee.fits(file):
        samples = (row for _, row in file.rows())
    else:
        return
    for sample in samples:
        ours = _of(sample.get("metadata"))
        if "trial" not in ours:
            return
        yield ours


def _put_together(
    rows: list[Row], manifest: Row
) -> tuple[dict[str, pd.DataFrame], dict[str, list[Row]], Row]:
    """The tables in the order that they had."""
    rows = sorted(rows, key=lambda row: row["place"])
    tables = {"trials": _frame("trials", [row["trial"] for row in rows])}
    for name in _PARTS:
        placed = sorted((p for row in rows for p in row.get(name) or []), key=lambda one: one[0])
        if placed or name != "labels":
            tables[name] = _frame(name, [row for _, row in placed])
    tasks = {row["task"]["hash"]: row["task"] for row in rows if row.get("task")}
    lines = {
        "tasks": list(tasks.values()),
        "answers": [row["answer"] for row in rows if row.get("answer")],
        "replies": [reply for row in rows for reply in row.get("replies") or []],
    }
    return tables, {name: found for name, found in lines.items() if found}, manifest


def _frame(name: str, rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS[name])).astype(object)
