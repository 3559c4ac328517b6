"""Logs of Inspect: one for each recipe, with all its answers, scores and usage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion_eval.core import digest
from fusion_eval.exporting.content import OURS, Content, Row, by_task, file_name
from fusion_eval.store import write_json

_STOP = {"stop": "stop", "length": "max_tokens", "filtered": "content_filter"}
_SCORER = "fusion_eval"


def write(content: Content, folder: Path) -> list[Path]:
    """`TIME_fusion-eval_RECIPE.json` for each recipe, as Inspect's viewer looks for logs."""
    taken: set[str] = set()
    stamp = _created(content).replace(":", "-")
    return [
        write_json(
            folder / f"{stamp}_fusion-eval_{file_name(recipe, taken)}.json",
            _log(content, recipe, rows),
        )
        for recipe, rows in content.recipes()
    ]


def _created(content: Content) -> str:
    return content.created or "2000-01-01T00:00:00+00:00"


def _log(content: Content, recipe: str, rows: list[Row]) -> dict[str, Any]:
    created = _created(content)
    ids = list(dict.fromkeys(row["trial"]["task"] for row in rows))
    identity = digest([content.run.id, recipe])
    samples = [_sample(content, recipe, row) for row in rows]
    value = by_task(rows)
    scored = sum("scores" in sample for sample in samples)
    metrics = {"mean": {"name": "mean", "value": value, "params": {}}} if value is not None else {}
    scores = [{
        "name": _SCORER, "scorer": _SCORER, "scored_samples": scored,
        "unscored_samples": len(samples) - scored, "params": {}, "metrics": metrics,
    }]  # fmt: skip
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": identity[:22], "run_id": content.run.id, "created": created,
            "task": _task_name(content), "task_id": identity[22:44], "task_version": 0,
            "model": recipe, "model_args": {}, "task_args": {}, "task_attribs": {},
            "dataset": {"name": _task_name(content), "samples": len(ids), "sample_ids": ids,
                        "shuffled": False},
            "config": {"epochs": len({row["trial"]["repeat"] for row in rows})},
            "packages": {"fusion_eval": content.version},
            "tags": ["SIMULATED"] if content.run.simulated else [],
            "metadata": {**content.facts, OURS: content.manifest},
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {"total_samples": len(samples), "completed_samples": len(samples),
                    "scores": scores},
        "stats": {"started_at": created, "completed_at": created, "model_usage": {}},
        "samples": samples,
    }  # fmt: skip


def _task_name(content: Content) -> str:
    tasks = content.run.manifest.get("tasks")
    name = str(tasks.get("name") or "fusion_eval") if isinstance(tasks, dict) else "fusion_eval"
    return f"SIMULATED {name}" if content.run.simulated else name


def _sample(content: Content, recipe: str, row: Row) -> dict[str, Any]:
    trial, answer = row["trial"], row["answer"] or {}
    task = content.tasks.get(trial["task_hash"], {})
    text = answer.get("answer") or ""
    usage = _usage(trial)
    sample: dict[str, Any] = {
        "id": trial["task"], "epoch": int(trial["repeat"]) + 1,
        "input": _input(task, trial), "target": task.get("target") or "",
        "messages": [
            *({**m, "id": digest([trial["task"], place])[:22]}
              for place, m in enumerate(task.get("messages") or [])),
            {"id": digest([recipe, trial["task"], trial["repeat"]])[:22], "role": "assistant",
             "content": text, "source": "generate"},
        ],
        "output": {
            "model": recipe, "completion": text,
            "choices": [{"message": {"role": "assistant", "content": text, "source": "generate"},
                         "stop_reason": _STOP.get(str(trial["finish"]), "unknown")}],
            **({"usage": usage} if usage else {}),
        },
        "metadata": {**content.facts, "domain": trial["domain"] or "",
                     OURS: {**row, "task": task or None}},
        "model_usage": {recipe: usage} if usage else {},
        "store": {}, "events": [], "attachments": {},
    }  # fmt: skip
    if trial["latency_s"] is not None:
        sample |= {"total_time": trial["latency_s"], "working_time": trial["latency_s"]}
    if trial["failure"] is not None:
        message = answer.get("detail") or trial["failure"]
        sample["error"] = {"message": message, "traceback": "", "traceback_ansi": ""}
    elif trial["score"] is not None:
        sample["scores"] = {_SCORER: {"value": trial["score"], "answer": text or None,
                                      "explanation": _explanation(row)}}  # fmt: skip
    return sample


def _input(task: Row, trial: Row) -> str | list[dict[str, Any]]:
    messages = task.get("messages") or []
    if len(messages) == 1:
        return str(messages[0]["content"])
    return [dict(message) for message in messages] or str(trial["task"])


def _usage(trial: Row) -> dict[str, Any]:
    """Tokens and dollars, where both counts are known."""
    if trial["tokens_in"] is None or trial["tokens_out"] is None:
        return {}
    counts = {"input_tokens": trial["tokens_in"], "output_tokens": trial["tokens_out"]}
    cost = {"total_cost": trial["cost_usd"]} if trial["cost_usd"] is not None else {}
    return {**counts, "total_tokens": trial["tokens_in"] + trial["tokens_out"], **cost}


def _explanation(row: Row) -> str | None:
    """The verdicts in words."""
    said = [f"{v['criterion']}: {v['verdict']}" for _, v in row["verdicts"]]
    return "; ".join(said) or None
