"""Samples of lm-evaluation-harness: `samples_TASK_DATE.jsonl` beside `results_DATE.json`."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

from fusion_eval.errors import TableError
from fusion_eval.importing.formats.file import File, Found

_DATED = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT.+)\.jsonl(\.gz)?$")


def fits(file: File) -> bool:
    """Samples, or the file of results."""
    return file.keys >= {"doc_id", "resps", "filtered_resps"} or _is_results(file)


def _is_results(file: File) -> bool:
    return file.keys >= {"results", "configs"} and isinstance(file.document["results"], dict)


def read(file: File) -> Found:
    """One row per document and filter, of which the first is taken."""
    if _is_results(file):
        raise TableError(f"{file.path}: {_aggregate(file.document)}")
    dated = _DATED.match(file.path.name)
    results = _results_beside(file.path, dated["date"] if dated else None)
    model = _model(results) or _model_by_name(file.path, dated is not None)
    task = dated["task"] if dated else _only(list((results or {}).get("results") or {}))
    lines, rows = [], []
    for line, row in file.rows():
        lines.append(line)
        rows.append(row)
    filters = list(dict.fromkeys(str(row.get("filter", "none")) for row in rows))
    metrics = [str(name) for name in rows[0].get("metrics") or []] or _numbers(rows[0])
    scores = [name for name in metrics if not isinstance(rows[0].get(name), list)]
    if not scores:
        named = f" ({', '.join(metrics)})" if metrics else ""
        raise TableError(
            f"{file.path}: no metric{named} is a score; name one: --columns score=NAME"
        )
    return Found(
        rows=[_row(row, model) for row in rows], lines=lines,
        used={"recipe": "recipe", "task": "doc_id", "score": scores[0], "answer": "answer",
              "question": "question"},
        where={"filter": filters[0]} if len(filters) > 1 else {},
        notes=_notes(scores, filters), facts=_facts(results, task, model, scores[0], filters[0]),
    )  # fmt: skip


def _row(row: dict[str, Any], model: str) -> dict[str, Any]:
    """With the answer as it was generated; of a multiple choice there are only likelihoods."""
    response = next(iter(row.get("resps") or []), None)
    while isinstance(response, list) and response and not isinstance(response[0], int | float):
        response = response[0]
    asked = ((row.get("arguments") or {}) if isinstance(row.get("arguments"), dict) else {}).get(
        "gen_args_0"
    )
    asked = asked.get("arg_0") if isinstance(asked, dict) else None
    while isinstance(asked, list) and asked:
        asked = asked[0]
    question = asked if isinstance(asked, str) else None
    answer = response if isinstance(response, str) else None
    known = {"recipe": model, "answer": answer, "question": question}
    return {**row, **known, "identity": row.get("doc_hash")}


def _numbers(row: dict[str, Any]) -> list[str]:
    """Metrics of samples that do not list them: numbers that are no ids."""
    plain = [k for k, v in row.items() if isinstance(v, int | float) and k != "doc_id"]
    return [name for name in plain if not name.endswith("_id")]


def _notes(metrics: list[str], filters: list[str]) -> list[str]:
    notes = []
    if len(metrics) > 1:
        way = f"--columns score={metrics[1]}"
        notes.append(f"score is {metrics[0]}; there are also {', '.join(metrics[1:])}: {way}")
    if len(filters) > 1:
        way = f"--where filter={filters[1]}"
        notes.append(f"filter {filters[0]}; there are also {', '.join(filters[1:])}: {way}")
    return notes


def _results_beside(path: Path, date: str | None) -> dict[str, Any] | None:
    """The results of the same folder: those of the same date, or the only ones."""
    there = sorted(path.parent.glob("results*.json"))
    same = [one for one in there if date and date in one.name]
    for one in same or (there if len(there) == 1 and date else []):
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(one.read_text("utf-8"))
            return found if isinstance(found, dict) else None
    return None


def _model(results: dict[str, Any] | None) -> str | None:
    """What was evaluated: `model_name`, or what the arguments of the model say."""
    if not results:
        return None
    config = results.get("config") or {}
    arguments = config.get("model_args")
    named = arguments if isinstance(arguments, dict) else {}
    if isinstance(arguments, str):
        named = dict(p.split("=", 1) for p in arguments.split(",") if "=" in p)
    names = (results.get("model_name"), named.get("model"), named.get("pretrained"))
    return next((str(name) for name in (*names, config.get("model")) if name), None)


def _model_by_name(path: Path, dated: bool) -> str:
    """The folder is called after the model (`org__name`); else the file is."""
    if dated and path.parent.name:
        return path.parent.name.replace("__", "/")
    return re.sub(r"^samples[-_.]+", "", path.name.split(".jsonl")[0]) or path.stem


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _facts(
    results: dict[str, Any] | None, task: str | None, model: str, metric: str, filter_: str
) -> dict[str, Any]:
    results = results or {}
    config = (results.get("configs") or {}).get(task) or {}
    said = ((results.get("results") or {}).get(task) or {}).get(f"{metric},{filter_}")
    lower = (results.get("higher_is_better") or {}).get(task, {}).get(metric) is False
    return {
        "tool": "lm-evaluation-harness",
        "tool_version": results.get("lm_eval_version"),
        "suite": task,
        "suite_version": (results.get("versions") or {}).get(task),
        "model": model,
        "created": results.get("date"),
        "max_tokens": (config.get("generation_kwargs") or {}).get("max_gen_toks"),
        "own_figure": said,
        "lower_is_better": metric if lower else None,
    }


def _aggregate(document: dict[str, Any]) -> str:
    said = [
        f"{task} {name.split(',')[0]} {value:g}"
        for task, metrics in document["results"].items() if isinstance(metrics, dict)
        for name, value in metrics.items()
        if isinstance(value, int | float) and "stderr" not in name
    ]  # fmt: skip
    return (
        f"totals without samples ({'; '.join(said[:4])}), so nothing to pair; run with "
        "--log_samples and give the folder, or samples_*.jsonl"
    )
