"""Every Eval Ever: aggregate records (`.json`) and their samples (`_samples.jsonl`), schema 0.3.

Samples carry one score each; an aggregate carries one score for each benchmark.
"""

from __future__ import annotations

import math
from typing import Any

from fusion_eval.errors import TableError
from fusion_eval.importing.formats.file import File, Found

OURS = "fusion_eval"
"""Key in the metadata of records that we wrote; its value is JSON."""
_TOKENS = {
    "tokens_cache_read": "input_tokens_cache_read",
    "tokens_cache_write": "input_tokens_cache_write",
    "tokens_reasoning": "reasoning_tokens",
}


def fits(file: File) -> bool:
    """By the keys that its schemas require."""
    sample = {"evaluation_id", "model_id", "sample_id", "evaluation"}
    return file.keys >= sample or is_aggregate(file)


def is_aggregate(file: File) -> bool:
    """A record of totals."""
    return file.keys >= {"evaluation_id", "model_info", "evaluation_results"}


def read(file: File) -> Found:
    """One row per sample, or per benchmark of an aggregate."""
    return _aggregate(file) if is_aggregate(file) else _samples(file)


def _samples(file: File) -> Found:
    rows, lines, calls = [], [], []
    for line, row in file.rows():
        keys = {"recipe": row.get("model_id"), "task": row.get("sample_id")}
        usage = row.get("token_usage") or {}
        made: dict[str, Any] = {
            **keys,
            "repeat": 0,
            "evaluation": row.get("evaluation") or {},
            "failure": "error" if row.get("error") else None,
            "detail": row.get("error"),
            "question": _text(row.get("input")),
            "answer": _text(row.get("output")) or _last(row.get("messages")),
            "tokens_in": usage.get("input_tokens"),
            "tokens_out": usage.get("output_tokens"),
            "latency_s": _seconds((row.get("performance") or {}).get("latency_ms")),
            "suite": row.get("evaluation_name"),
            "identity": row.get("sample_hash") or _text(row.get("input")),
            "metadata": row.get("metadata") or {},
        }
        rows.append(made)
        lines.append(line)
        if usage:
            calls.append(_call(made, usage))
    used = {name: name for name in (
        "recipe", "task", "repeat", "failure", "question", "answer", "tokens_in", "tokens_out",
        "latency_s",
    )}  # fmt: skip
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    facts = {"tool": "every_eval_ever", "suite": suites[0] if len(suites) == 1 else None}
    own = rows[0]["metadata"].get(OURS) if rows else None
    return Found(
        rows=rows, lines=lines, used=used | {"score": "evaluation.score"}, calls=calls,
        facts=facts | ({"own": own} if own else {}),
    )  # fmt: skip


def _call(row: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    hidden = usage.get("reasoning_tokens") or 0
    return {
        "recipe": row["recipe"], "task": row["task"], "repeat": 0, "role": "answer",
        "purpose": "answer",
        "model": row["recipe"], "model_requested": row["recipe"],
        "tokens_input": usage.get("input_tokens"), "latency_s": row["latency_s"],
        "tokens_output": max(0, (usage.get("output_tokens") or 0) - hidden),
        **{ours: usage.get(theirs) for ours, theirs in _TOKENS.items()},
    }  # fmt: skip


def _text(value: Any) -> str | None:
    """The text of an input or an output: itself, under `raw`, or the first of a list of them."""
    if isinstance(value, dict):
        return _text(value.get("raw"))
    if isinstance(value, list):
        return _text(value[0]) if value else None
    return value if isinstance(value, str) else None


def _last(messages: Any) -> str | None:
    """What the model said last, of several turns."""
    turns = messages if isinstance(messages, list) else []
    said = [m.get("content") for m in turns if isinstance(m, dict) and m.get("role") == "assistant"]
    return _text(said[-1]) if said else None


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None


def _aggregate(file: File) -> Found:
    document = file.document
    model = document["model_info"].get("id") or document["model_info"].get("name")
    rows, notes = [], ["each task is a whole benchmark, so intervals are over benchmarks"]
    for result in document["evaluation_results"]:
        config = result.get("metric_config") or {}
        score = (result.get("score_details") or {}).get("score")
        low, high = _end(config.get("min_score"), 0.0), _end(config.get("max_score"), 1.0)
        name = str(result.get("evaluation_name"))
        metric = str(config.get("metric_id") or config.get("metric_name") or "score")
        if not isinstance(score, int | float) or not low < high or config.get("lower_is_better"):
            notes.append(f"{name} {metric} is left out: no score on a scale with two ends, up good")
            continue
        scaled = (score - low) / (high - low)
        rows.append({"recipe": model, "task": f"{name}/{metric}", "score": scaled})
    if not rows:
        raise TableError(
            f"{file.path}: no score on a scale with two ends; give the samples instead (*.jsonl)"
        )
    return Found(
        rows=rows, lines=list(range(1, len(rows) + 1)), used={n: n for n in rows[0]}, notes=notes,
        facts={"tool": "every_eval_ever", "suite": "aggregates", "model": model,
               "created": document.get("evaluation_timestamp")},
    )  # fmt: skip


def _end(value: Any, default: float) -> float:
    if value is None:
        return default
    return float(value) if isinstance(value, int | float) else math.nan
