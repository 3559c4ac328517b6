"""Logs of Inspect: `.eval` (a ZIP file, its members deflated or zstd) and the same as `.json`.

Read without `inspect_ai`: the samples are plain JSON, and its package needs a hundred others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.errors import TableError
from fusion_eval.importing.formats.file import Archive, File, Found

_TOKENS = {
    "tokens_input": "input_tokens",
    "tokens_cache_read": "input_tokens_cache_read",
    "tokens_cache_write": "input_tokens_cache_write",
    "tokens_output": "output_tokens",
    "tokens_reasoning": "reasoning_tokens",
}
_FINISH = {"max_tokens": "length", "model_length": "length", "content_filter": "filtered"}
_SCORERS = ("grader", "judge", "scorer", "grade")
OURS = "fusion_eval"
"""Key in the metadata of logs that we wrote."""


def fits(file: File) -> bool:
    """A ZIP file called .eval, or JSON with `eval` that names task and model."""
    if file.name.endswith(".eval"):
        return True
    head = file.document.get("eval") if file.keys >= {"eval", "status"} else None
    return isinstance(head, dict) and {"task", "model"} <= head.keys()


def read(file: File) -> Found:
    """One row per sample and epoch."""
    log, samples = _opened(file)
    head = log["eval"]
    helpers = _helpers(head)
    rows, calls = [], []
    for sample in samples:
        row = _row(sample, head, helpers)
        rows.append(row)
        calls += row.pop("calls")
    if not rows:
        raise TableError(f"{file.path}: {_empty(log)}")
    if not any(row["scores"] or row["failure"] for row in rows):
        raise TableError(f"{file.path}: no sample has a score; score it first: `inspect score`")
    scores = _scores(rows, log) or ["scores"]
    return Found(
        rows=rows, used=_used(rows) | {"score": scores[0]}, calls=calls,
        notes=_notes(log, scores),
        lines=list(range(1, len(rows) + 1)), facts=_facts(log),
    )  # fmt: skip


def _opened(file: File) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    if not file.name.endswith(".eval"):
        return file.document, iter(file.document.get("samples") or [])
    archive = Archive(file.path)
    names = archive.names
    head = "header.json" if "header.json" in names else "_journal/start.json"
    log = archive.json(head) if head in names else None
    if not isinstance(log, dict) or not isinstance(log.get("eval"), dict):
        raise TableError(f"{file.path}: no Inspect log: neither header nor start; copy it again")
    samples = [n for n in names if n.startswith("samples/") and n.endswith(".json")]
    return log, (archive.json(name) for name in samples)


def _empty(log: Mapping[str, Any]) -> str:
    count = (log.get("results") or {}).get("completed_samples")
    there = f"its totals speak of {count} samples, but " if count else ""
    return f"{there}the log holds no samples; write it with --log-samples, or give the .eval file"


def _scorers(log: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(scorer, name of its figure): a scorer that gives several values has a figure for each."""
    scores = (log.get("results") or {}).get("scores") or log["eval"].get("scorers") or []
    named = [s for s in scores if isinstance(s, dict) and s.get("name")]
    return [(str(s.get("scorer") or s["name"]), str(s["name"])) for s in named]


def _helpers(head: Mapping[str, Any]) -> set[str]:
    """Models that only scored: their tokens are no part of what the answer took."""
    roles = head.get("model_roles") or {}
    named = [
        roles[role] for role in roles if any(word in role.lower() for word in _SCORERS)
    ]  # fmt: skip
    for scorer in head.get("scorers") or []:
        options = (scorer.get("options") or {}) if isinstance(scorer, dict) else {}
        named += [v for k, v in options.items() if "model" in str(k)]
    names = {str(one.get("model") if isinstance(one, dict) else one) for one in named}
    return names - {str(head.get("model"))}


def _row(sample: Mapping[str, Any], head: Mapping[str, Any], helpers: set[str]) -> dict[str, Any]:
    output = sample.get("output") or {}
    choice: Mapping[str, Any] = next(iter(output.get("choices") or []), {})
    usage = {str(k): v for k, v in (sample.get("model_usage") or {}).items() if isinstance(v, dict)}
    keys = {"recipe": head.get("model"), "task": sample.get("id"), "repeat": sample.get("epoch")}
    calls = [
        {**keys, **_call(model, used, head, output, grading=model in helpers)}
        for model, used in usage.items()
    ]
    own = [call for call in calls if call["purpose"] == "answer"]
    error = sample.get("error")
    return {
        **keys,
        "scores": sample.get("scores") or {},
        "failure": "error" if error else None,
        "detail": error.get("message") if isinstance(error, dict) else error,
        "question": _text(sample.get("input")),
        "target": sample.get("target"),
        "identity": json.dumps(sample.get("input"), sort_keys=True, ensure_ascii=False),
        "answer": _completion(output, choice),
        "finish": _FINISH.get(str(choice.get("stop_reason")), choice.get("stop_reason")),
        "latency_s": sample.get("working_time") or sample.get("total_time"),
        "tokens_in": _sum(own, "tokens_input", "tokens_cache_read", "tokens_cache_write"),
        "tokens_out": _sum(own, "tokens_output", "tokens_reasoning"),
        "cost_usd": _cost(own),
        "metadata": sample.get("metadata") or {},
        "calls": calls,
    }


def _call(
    model: str, usage: Mapping[str, Any], head: Mapping[str, Any], output: Mapping[str, Any],
    *, grading: bool,
) -> dict[str, Any]:  # fmt: skip
    """Usage of one model in one sample. Hidden tokens are part of `output_tokens` there."""
    tokens = {ours: usage.get(theirs) or 0 for ours, theirs in _TOKENS.items()}
    tokens["tokens_output"] = max(0, tokens["tokens_output"] - tokens["tokens_reasoning"])
    cached = tokens["tokens_cache_read"] + tokens["tokens_cache_write"]
    spoken = tokens["tokens_output"] + tokens["tokens_reasoning"]
    if (usage.get("total_tokens") or 0) < tokens["tokens_input"] + cached + spoken:
        tokens["tokens_input"] = max(0, tokens["tokens_input"] - cached)  # the cache is inside
    asked = model == head.get("model")
    return {
        "role": "grader" if grading else "answer",
        "purpose": "grading" if grading else "answer",
        "model": model,
        "model_requested": model,
        "model_served": output.get("model") if asked else None,
        "cost_usd": usage.get("total_cost"),
        **tokens,
    }


def _sum(calls: list[dict[str, Any]], *names: str) -> int | None:
    return sum(call[name] for call in calls for name in names) if calls else None


def _cost(calls: list[dict[str, Any]]) -> float | None:
    costs = [call["cost_usd"] for call in calls]
    return None if not costs or None in costs else float(sum(costs))


def _completion(output: Mapping[str, Any], choice: Mapping[str, Any]) -> str | None:
    if isinstance(output.get("completion"), str):
        return str(output["completion"])
    message = choice.get("message")
    return _text(message.get("content")) if isinstance(message, dict) else None


def _text(value: Any) -> str | None:
    """A text, or the texts of messages and content parts."""
    if not isinstance(value, list):
        return value if isinstance(value, str) else None
    parts = []
    for one in value:
        inner = one.get("content", one.get("text")) if isinstance(one, dict) else one
        parts += [_text(inner) or ""]
    return "\n\n".join(part for part in parts if part)


def _used(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {name: name for name in (
        "recipe", "task", "repeat", "failure", "question", "answer", "finish", "latency_s",
        "tokens_in", "tokens_out", "cost_usd",
    )}  # fmt: skip


def _scores(rows: list[dict[str, Any]], log: Mapping[str, Any]) -> list[str]:
    """Paths to every score that samples have, those with a figure of their own first."""
    paths: dict[str, None] = {}
    for row in rows:
        for name, score in row["scores"].items():
            value = score.get("value") if isinstance(score, dict) else None
            inside = value if isinstance(value, dict) else {}
            if isinstance(value, list):
                inside = dict.fromkeys(map(str, range(len(value))))
            parts = [f".{key}" for key in inside] or [""]
            paths.update(dict.fromkeys(f"scores.{name}.value{part}" for part in parts))
    figures: list[str] = []
    for scorer, name in _scorers(log):
        whole = f"scores.{scorer}.value"
        figures += [path for path in (f"{whole}.{name}", whole) if path in paths]
        figures += [path for path in paths if path.startswith(f"{whole}.")]
    return list(dict.fromkeys([*figures, *paths]))


def _notes(log: Mapping[str, Any], scores: list[str]) -> list[str]:
    notes = []
    if len(scores) > 1:
        first, *others = (path.removeprefix("scores.").replace(".value", "") for path in scores)
        way = f"--columns score={scores[1]}"
        notes.append(f"score is {first}; there are also {', '.join(others)}: {way}")
    if log.get("status") not in ("success", None):
        notes.append(f"the log's status is {log['status']}: samples may be missing")
    return notes


def _facts(log: Mapping[str, Any]) -> dict[str, Any]:
    head = log["eval"]
    config = (log.get("plan") or {}).get("config") or head.get("model_generate_config") or {}
    scores = (log.get("results") or {}).get("scores") or []
    metrics = (scores[0].get("metrics") or {}) if scores and isinstance(scores[0], dict) else {}
    said = {n: m.get("value") for n, m in metrics.items() if isinstance(m, dict)}
    versions = head.get("packages") or {}
    return {
        "tool": "inspect_ai",
        "tool_version": versions.get("inspect_ai"),
        "suite": head.get("task"),
        "suite_version": head.get("task_version"),
        "model": head.get("model"),
        "created": head.get("created"),
        "max_tokens": config.get("max_tokens"),
        "grader": sorted(_helpers(head)),
        "own_figure": said.get("accuracy", said.get("mean")),
        "own": (head.get("metadata") or {}).get(OURS),
    }
