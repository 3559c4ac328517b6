"""Freezing runs as a baseline: once, or again and again on several days."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import files, frames
from fusion_eval.core import digest
from fusion_eval.core.score_table import GRADING
from fusion_eval.errors import InputError
from fusion_eval.gate.baseline import (
    COLUMNS,
    FORMAT,
    NAME,
    loaded,
    opened,
    read_baseline,
    taken,
)
from fusion_eval.gate.comparable import differences, refusals
from fusion_eval.gate.setup import changed
from fusion_eval.stats.verdicts import graded
from fusion_eval.store import Run


def freeze(run: Run, path: Path, *, allow: Collection[str] = (), add: bool = False) -> Path:
    """Write the baseline file of a run; `path` is a file, or a folder for `baseline.json`.

    With `add` the run is added to the baseline that is there, as further repeats: runs of several
    days show how days differ, which no repeats within a run do.

    Refused, unless `allow` says so: a run that is not finished (`partial`), one of some tasks or
    recipes only (`filtered`), and one whose protocol is not that of the baseline it would replace
    (`protocol`). Raises InputError with all of that at once.
    """
    target = path if path.suffix == ".json" else path / NAME
    if problems := _unfit(run, target, allow):
        raise InputError(problems)
    content = _content(run)
    if add and target.exists():
        fresh = bool(taken(run).made)
        content = _added(loaded(target), content, allow, fresh=fresh)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(target, _dumped({**content, "digest": digest(content)}))
    return target


def _unfit(run: Run, target: Path, allow: Collection[str]) -> list[str]:
    problems = []
    status = run.manifest.get("status", "unknown")
    if status != "finished" and "partial" not in allow:
        problems.append(
            f"{run.id}: its status is {status!r}; run the same command again to finish it, "
            "or --allow partial"
        )
    if (cut := _filtered(run)) and "filtered" not in allow:
        problems.append(f"{run.id}: {cut}; run all of it, or --allow filtered")
    if not frames.trials(run)["score"].notna().any():
        problems.append(
            f"{run.id}: no answer has a score, so there is nothing to hold others against"
        )
    if target.exists() and "protocol" not in allow:
        problems += _other_protocol(run, target)
    return problems


def _other_protocol(run: Run, target: Path) -> list[str]:
    """What is wrong with the file that would be replaced."""
    way = "give another file, or --allow protocol"
    try:
        old, new = _protocol(read_baseline(target).manifest), _protocol(run.manifest)
    except InputError:
        return [f"{target}: is there, and cannot be read as a baseline; move it away, {way}"]
    return [f"{target}: was graded under {old}, this run under {new}; {way}"] * (old != new)


def _filtered(run: Run) -> str:
    if run.manifest.get("limit") is not None:
        return f"it has only the first {run.manifest['limit']} tasks"
    cut = run.manifest.get("cut")
    return "tasks were cut by the budget" if cut else ""


def _protocol(manifest: Mapping[str, Any]) -> str:
    grader = manifest.get("grader") or {}
    return f"{grader.get('protocol')} ({grader.get('hash')})" if grader else "no grader"


def _content(run: Run) -> dict[str, Any]:
    frozen = taken(run)
    sections = _nested(frozen.sections, "section", "score")
    criteria = _nested(frozen.criteria, "criterion", "value")
    passes = _passes(run)
    rows = []
    for row in frozen.trials.reindex(columns=list(COLUMNS)).to_dict("records"):
        at = str(row["recipe"]), str(row["task_hash"]), int(row["repeat"])
        plain = [None if _empty(row[name]) else _plain(row[name]) for name in COLUMNS]
        rows.append([*plain, sections.get(at), passes.get(at), criteria.get(at)])
    return {
        "kind": "fusion-eval baseline",
        "format": FORMAT,
        "run_id": frozen.run_id,
        "simulated": frozen.simulated,
        "manifest": dict(frozen.manifest),
        "setup": dict(frozen.setup),
        "days": {str(repeat): day for repeat, day in frozen.days.items()},
        "columns": [*COLUMNS, "sections", "passes", "criteria"],
        "trials": rows,
    }


def _nested(
    parts: pd.DataFrame, name: str, value: str
) -> dict[tuple[str, str, int], dict[str, float]]:
    """The rows of a table of parts (sections, criteria) by trial."""
    found: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in parts.to_dict("records"):
        at = str(row["recipe"]), str(row["task_hash"]), int(row["repeat"])
        found.setdefault(at, {})[str(row[name])] = float(row[value])
    return found


def _added(
    old: dict[str, Any], new: dict[str, Any], allow: Collection[str], *, fresh: bool
) -> dict[str, Any]:
    """One baseline out of two: the new trials are further repeats, with the day they were made.

    fresh : whether the run made calls for its answers, so that equal texts are new ones
    """
    before, now = opened(old), opened(new)
    other = differences(now, before)
    if lines := changed(now.setup, before.setup, now.trials["recipe"].unique()):
        other["bench"] = [f"the bench changed since the baseline: {'; '.join(lines[:4])}"]
    if problems := refusals(other, allow):
        raise InputError(problems)
    answers = [set(side.trials["answer_hash"].dropna()) for side in (before, now)]
    if not fresh and answers[1] and answers[1] <= answers[0]:
        raise InputError(
            f"{new['run_id']}: its answers are those of the baseline, out of the ledger; run it "
            "with another --seed"
        )
    at, shift = new["columns"].index("repeat"), int(before.trials["repeat"].max()) + 1
    for row in new["trials"]:
        row[at] += shift
    columns = new["columns"]
    rows = [dict(zip(old["columns"], row, strict=True)) for row in old["trials"]]
    kept = [[row.get(name) for name in columns] for row in rows]
    days = {**before.days, **{repeat + shift: day for repeat, day in now.days.items()}}
    return {
        **new,
        "days": {str(repeat): day for repeat, day in days.items()},
        "trials": [*kept, *new["trials"]],
    }


def _passes(run: Run) -> dict[tuple[str, str, int], list[float | None]]:
    """The score of each grading of each trial, where there is more than one."""
    verdicts = frames.verdicts(run)
    if len(verdicts[["grader", "grader_pass"]].drop_duplicates()) < 2:
        return {}
    found: dict[tuple[str, str, int], list[float | None]] = {}
    rows = graded(verdicts).sort_values(list(GRADING))
    for recipe, task, repeat, value in rows[["recipe", "task", "repeat", "score"]].itertuples(
        index=False
    ):
        passes = found.setdefault((str(recipe), str(task), int(repeat)), [])
        passes.append(None if _empty(value) else float(value))
    return found


def _empty(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _dumped(content: Mapping[str, Any]) -> str:
    """JSON with a line for each trial, so that a change shows as the lines that it touches."""
    rows = content["trials"]
    head = {k: v for k, v in content.items() if k != "trials"}
    text = json.dumps(head, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return f'{text[:-2]},\n "trials": [\n{lines}\n ]\n}}\n'
