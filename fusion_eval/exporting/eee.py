"""Every Eval Ever: for each recipe an aggregate record and its samples, by schema 0.3.0.

The schemas stand in the wheel of `every-eval-ever`; a test holds records against them where it is.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from fusion_eval.exporting.content import (
    OURS,
    Content,
    Row,
    as_deployed,
    by_task,
    file_name,
)
from fusion_eval.store import write_json, write_lines

_SCHEMA = "0.3.0"
_SPACE = uuid.UUID("6f1a5a6e-3a55-4d0e-9a3e-0a7a8c1f6b11")
_EVAL = "fusion-eval"


def write(content: Content, folder: Path) -> list[Path]:
    """`data/fusion-eval/DEVELOPER/RECIPE/UUID.json` and `UUID_samples.jsonl`."""
    files: list[Path] = []
    taken: set[str] = set()
    for recipe, rows in content.recipes():
        model = recipe if "/" in recipe else f"{_EVAL}/{recipe}"
        developer = file_name(model.split("/")[0], set())
        name = _uuid4(content.run.id, recipe)
        place = f"data/{_EVAL}/{developer}/{file_name(recipe, taken)}"
        (folder / place).mkdir(parents=True, exist_ok=True)
        stamp = _timestamp(content)
        identity = f"{_EVAL}/{model.replace('/', '_')}/{stamp}"
        samples = [_sample(content, identity, model, row) for row in rows]
        path = write_lines(folder / place / f"{name}_samples.jsonl", samples)
        record = _record(content, identity, model, rows, f"{place}/{path.name}", path)
        files += [write_json(folder / place / f"{name}.json", record), path]
    return files


def _uuid4(*parts: str) -> str:
    """A UUID that is always the same for one recipe of one run, in the form of version 4."""
    made = uuid.uuid5(_SPACE, "\n".join(parts))
    return str(uuid.UUID(bytes=made.bytes, version=4))


def _timestamp(content: Content) -> str:
    try:
        return str(int(datetime.fromisoformat(content.created).timestamp()))
    except ValueError:
        return "0"


def _texts(content: Content) -> dict[str, str]:
    simulated = "SIMULATED" if content.run.simulated else "false"
    return {"run_id": content.run.id, "version": content.version, "simulated": simulated}


def _record(
    content: Content, identity: str, model: str, rows: list[Row], place: str, samples: Path
) -> dict[str, Any]:
    value = by_task(rows)
    result = {
        "evaluation_result_id": f"{_EVAL}.score",
        "evaluation_name": _name(content),
        "source_data": {"dataset_name": _name(content), "source_type": "other"},
        "metric_config": {
            "metric_id": f"{_EVAL}.score", "metric_name": "mean score, failed answers count 0",
            "lower_is_better": False, "score_type": "continuous", "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {"score": value, "details": _texts(content)},
    }  # fmt: skip
    unknown = {"deployment_type": "unknown", "model_availability": "unknown"}
    return {
        "schema_version": _SCHEMA,
        "evaluation_id": identity,
        "evaluation_timestamp": _timestamp(content),
        "retrieved_timestamp": _timestamp(content),
        "source_metadata": {
            "source_name": _EVAL, "source_type": "evaluation_run",
            "source_organization_name": "unknown", "evaluator_relationship": "other",
            "additional_details": _texts(content),
        },
        "eval_library": {"name": _EVAL, "version": content.version},
        "model_info": {"name": model, "id": model, "additional_details": unknown},
        "evaluation_results": [result] if value is not None else [],
        "detailed_evaluation_results": {
            "format": "jsonl", "file_path": place, "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(samples.read_bytes()).hexdigest(), "total_rows": len(rows),
            "additional_details": {OURS: json.dumps(content.manifest)},
        },
    }  # fmt: skip


def _name(content: Content) -> str:
    tasks = content.run.manifest.get("tasks")
    name = str(tasks.get("name") or _EVAL) if isinstance(tasks, dict) else _EVAL
    return f"SIMULATED {name}" if content.run.simulated else name


def _sample(content: Content, identity: str, model: str, row: Row) -> dict[str, Any]:
    trial, answer = row["trial"], row["answer"] or {}
    task = content.tasks.get(trial["task_hash"], {})
    score = as_deployed(trial)
    asked = "\n\n".join(str(m["content"]) for m in task.get("messages") or [])
    error = answer.get("detail") or trial["failure"]
    if error is None and score is None:
        error = "ungraded: no verdict on this answer could be read"
    return {
        "schema_version": _SCHEMA,
        "evaluation_id": identity,
        "model_id": model,
        "evaluation_name": _name(content),
        "evaluation_result_id": f"{_EVAL}.score",
        "sample_id": trial["task"],
        "interaction_type": "single_turn",
        "input": {"raw": asked or trial["task"], "reference": _reference(task)},
        "output": {"raw": [answer.get("answer") or ""]},
        "answer_attribution": [],
        "evaluation": {"score": score or 0.0, "is_correct": score is not None and score >= 1},
        **_usage(trial),
        "error": error,
        "metadata": {**_texts(content), OURS: json.dumps({**row, "task": task or None})},
    }


def _reference(task: Row) -> list[str]:
    return [str(task["target"])] if task.get("target") else []


def _usage(trial: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if trial["latency_s"] is not None:
        found["performance"] = {"latency_ms": 1000 * trial["latency_s"]}
    if trial["tokens_in"] is not None and trial["tokens_out"] is not None:
        both = trial["tokens_in"] + trial["tokens_out"]
        counts = {"input_tokens": trial["tokens_in"], "output_tokens": trial["tokens_out"]}
        found["token_usage"] = {**counts, "total_tokens": both}
    return found
