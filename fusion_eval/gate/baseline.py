"""A baseline: the scores of a run, frozen by task hash and repeat; a small file, no texts."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import files, frames
from fusion_eval.core import digest
from fusion_eval.core.score_table import GRADING
from fusion_eval.errors import InputError
from fusion_eval.stats.sections import section_scores
from fusion_eval.stats.verdicts import graded
from fusion_eval.store import Run, read_run

FORMAT = 1
NAME = "baseline.json"
KEPT = ("tasks", "bench", "prompts", "grader", "repeats", "limit", "seed", "versions", "git")
COLUMNS = (
    "task", "task_hash", "domain", "recipe", "strategy", "repeat", "score", "failure",
    "cost_usd", "latency_s", "coverage", "answer_hash",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A frozen run: trials as in `frames.trials` (fewer columns), and scores by section.

    sections : DataFrame of `stats.sections.section_scores`
    """

    run_id: str
    simulated: bool
    manifest: Mapping[str, Any]
    trials: pd.DataFrame
    sections: pd.DataFrame


def taken(run: Run | str | Path) -> Baseline:
    """A run as a baseline, in memory. Raises TableError where there is no run."""
    opened = run if isinstance(run, Run) else read_run(run)
    trials = frames.trials(opened)
    kept = {name: opened.manifest[name] for name in (*KEPT, "status") if name in opened.manifest}
    return Baseline(
        run_id=opened.id,
        simulated=opened.simulated,
        manifest=kept,
        trials=trials.assign(task_hash=frames.task_key(trials)),
        sections=section_scores(frames.verdicts(opened), trials),
    )


def freeze(run: Run, path: Path, *, allow: Collection[str] = ()) -> Path:
    """Write the baseline file of a run; `path` is a file, or a folder for `baseline.json`.

    Refused, unless `allow` says so: a run that is not finished (`partial`), one of some tasks or
    recipes only (`filtered`), and one whose protocol is not that of the baseline it would replace
    (`protocol`). Raises InputError with all of that at once.
    """
    target = path if path.suffix == ".json" else path / NAME
    if problems := _unfit(run, target, allow):
        raise InputError(problems)
    content = _content(run)
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
    found = taken(run)
    sections = _nested(found.sections)
    passes = _passes(run)
    rows = []
    for row in found.trials.reindex(columns=list(COLUMNS)).to_dict("records"):
        at = str(row["recipe"]), str(row["task_hash"]), int(row["repeat"])
        plain = [None if _empty(row[name]) else _plain(row[name]) for name in COLUMNS]
        rows.append([*plain, sections.get(at), passes.get(at)])
    return {
        "kind": "fusion-eval baseline",
        "format": FORMAT,
        "run_id": found.run_id,
        "simulated": found.simulated,
        "manifest": dict(found.manifest),
        "columns": [*COLUMNS, "sections", "passes"],
        "trials": rows,
    }


def _nested(sections: pd.DataFrame) -> dict[tuple[str, str, int], dict[str, float]]:
    found: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in sections.to_dict("records"):
        at = str(row["recipe"]), str(row["task_hash"]), int(row["repeat"])
        found.setdefault(at, {})[str(row["section"])] = float(row["score"])
    return found


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


def read_baseline(path: str | Path) -> Baseline:
    """Read a baseline file, or the `baseline.json` of a folder.

    Raises InputError for a missing or damaged file, one that was edited, and one of a newer
    version.
    """
    file = Path(path)
    file = file / NAME if file.is_dir() else file
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file; make one with `fusion-eval baseline RUN`"
        ) from None
    except (OSError, ValueError) as problem:
        raise InputError(
            f"{file}: not a baseline ({type(problem).__name__}); make it again"
        ) from None
    if not isinstance(content, dict) or content.get("kind") != "fusion-eval baseline":
        raise InputError(f"{file}: not a baseline; make one with `fusion-eval baseline RUN`")
    if content.get("format") != FORMAT:
        raise InputError(
            f"{file}: format {content.get('format')}, this version reads {FORMAT}; "
            "update fusion-eval, or make the baseline again"
        )
    said = content.pop("digest", None)
    if said != digest(content):
        raise InputError(
            f"{file}: its content does not fit its digest; restore it or make it again"
        )
    return _opened(content)


def _opened(content: Mapping[str, Any]) -> Baseline:
    table = pd.DataFrame(content["trials"], columns=content["columns"])
    numbers = dict.fromkeys(("score", "cost_usd", "latency_s", "coverage"), float)
    trials = table[list(COLUMNS)].astype(numbers)
    trials.attrs = {"simulated": content["simulated"], "run_id": content["run_id"]}
    parts = [
        {"section": name, "recipe": row["recipe"], "task_hash": row["task_hash"],
         "repeat": row["repeat"], "score": score}
        for row in table.to_dict("records")
        for name, score in (row["sections"] or {}).items()
    ]  # fmt: skip
    return Baseline(
        run_id=content["run_id"],
        simulated=content["simulated"],
        manifest=content["manifest"],
        trials=trials,
        sections=pd.DataFrame(parts, columns=["section", "recipe", "task_hash", "repeat", "score"]),
    )


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
