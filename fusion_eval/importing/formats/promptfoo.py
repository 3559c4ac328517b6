"""Results of promptfoo: JSON (`-o out.json`), JSONL and CSV of one evaluation."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fusion_eval.errors import TableError
from fusion_eval.importing.formats.file import File, Found
from fusion_eval.importing.reading import csv_columns

_ERROR = 2  # promptfoo's ResultFailureReason: 0 none, 1 an assertion, 2 an error
_PARTS = ["Status", "Score", "Named Scores", "Grader Reason", "Comment"]
_HEADER = re.compile(r"^\[(?P<provider>.+?)\] (?P<prompt>.*)$", re.S)
_KEYS = {"provider", "testCase", "promptIdx", "testIdx"}


def fits(file: File) -> bool:
    """`results.results` of JSON, the same rows as JSONL, or the CSV with its repeated columns."""
    if file.name.endswith(".csv"):
        return f",{','.join(_PARTS)}" in file.head
    if file.name.endswith(".json"):
        results = file.document.get("results") if file.keys else None
        inner = results.get("results") if isinstance(results, dict) else None
        return isinstance(inner, list) and (not inner or "provider" in inner[0])
    return file.keys >= _KEYS


def read(file: File) -> Found:
    """One row per test and provider (and prompt, where there are several)."""
    if file.name.endswith(".csv"):
        return _from_csv(file)
    if file.name.endswith(".json"):
        rows = list(enumerate(file.document["results"]["results"], 1))
    else:
        rows = list(file.rows())
    if not rows:
        raise TableError(f"{file.path}: a promptfoo evaluation without results; run it to its end")
    whole = file.document if file.name.endswith(".json") else {}
    made, calls = _rows([row for _, row in rows])
    used = {name: name for name in made[0] if name not in {"namedScores", "detail", "target"}}
    named = sorted({name for row in made for name in row["namedScores"]})
    notes = [f"score is `score`; there are also {', '.join(named)}: "
             f"--columns score=namedScores.{named[0]}"] if named else []  # fmt: skip
    return Found(
        rows=made, used=used, lines=[line for line, _ in rows], calls=calls, notes=notes,
        facts=_facts(whole),
    )  # fmt: skip


def _rows(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    names = _names((_test(row), (row.get("testCase") or {}).get("description")) for row in rows)
    prompts = {row.get("promptIdx") for row in rows if "promptIdx" in row}
    labels = {(_provider(row), row.get("promptIdx")) for row in rows}
    several = len(labels) > len({provider for provider, _ in labels}) and len(prompts) > 1
    seen: Counter[tuple[str, str]] = Counter()
    made, calls = [], []
    for row in rows:
        recipe = _provider(row)
        if several:
            recipe += f" / {(row.get('prompt') or {}).get('label') or row.get('promptIdx')}"
        task = names[_test(row)]
        one = _row(row, recipe, task, seen[recipe, task])
        seen[recipe, task] += 1
        made.append(one)
        calls.append(_call(row, one))
    return made, calls


def _test(row: Mapping[str, Any]) -> Any:
    """The number of a test; where a version does not write it, the test's variables."""
    if row.get("testIdx") is not None:
        return row["testIdx"]
    asked = row.get("vars") or (row.get("testCase") or {}).get("vars") or row.get("prompt")
    return json.dumps(asked, sort_keys=True, default=str)


def _names(tests: Iterable[tuple[Any, Any]]) -> dict[Any, str]:
    """Tests by their description where each has one of its own, else by their number."""
    described = dict(tests)
    texts = [text for text in described.values() if isinstance(text, str) and text.strip()]
    if len(set(texts)) == len(described):
        return {index: str(text) for index, text in described.items()}
    if all(isinstance(index, str) for index in described):
        return {index: str(place) for place, index in enumerate(described)}
    return {index: str(index) for index in described}


def _provider(row: Mapping[str, Any]) -> str:
    provider = row.get("provider")
    if isinstance(provider, Mapping):
        return str(provider.get("label") or provider.get("id"))
    return str(provider)


def _row(row: Mapping[str, Any], recipe: str, task: str, repeat: int) -> dict[str, Any]:
    response: Mapping[str, Any] = row.get("response") or {}
    tokens = row.get("tokenUsage") or response.get("tokenUsage") or {}
    cached = bool(response.get("cached"))
    output = response.get("output")
    failed = row.get("failureReason") == _ERROR or (
        "failureReason" not in row and bool(response.get("error"))
    )
    return {
        "recipe": recipe, "task": task, "repeat": repeat, "score": row.get("score"),
        "failure": "error" if failed else None,
        "detail": row.get("error") if failed else None,
        "cost_usd": None if cached else row.get("cost"),
        "latency_s": None if cached or row.get("latencyMs") is None else row["latencyMs"] / 1000,
        "tokens_in": tokens.get("prompt") or None, "tokens_out": tokens.get("completion") or None,
        "finish": response.get("finishReason"),
        "answer": output if output is None or isinstance(output, str) else str(output),
        "question": (row.get("prompt") or {}).get("raw"),
        "namedScores": row.get("namedScores") or {},
    }  # fmt: skip


def _call(row: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    tokens = row.get("tokenUsage") or {}
    hidden = (tokens.get("completionDetails") or {}).get("reasoning") or 0
    provider = row.get("provider")
    asked = provider.get("id") if isinstance(provider, Mapping) else provider
    return {
        "recipe": made["recipe"], "task": made["task"], "repeat": made["repeat"],
        "role": "answer", "purpose": "answer", "model": str(asked), "model_requested": str(asked),
        "tokens_input": made["tokens_in"], "tokens_reasoning": hidden or None,
        "tokens_output": None if made["tokens_out"] is None else made["tokens_out"] - hidden,
        "cost_usd": made["cost_usd"], "latency_s": made["latency_s"], "finish": made["finish"],
    }  # fmt: skip


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    results = document.get("results") or {}
    metadata = document.get("metadata") or {}
    return {
        "tool": "promptfoo",
        "tool_version": metadata.get("promptfooVersion"),
        "created": results.get("timestamp"),
        "suite": None,
    }


def _from_csv(file: File) -> Found:
    """The columns of each provider stand beside each other: its output, then `_PARTS`."""
    header, lines, columns = csv_columns(file.path, file.text, ",")
    starts = [k for k in range(len(header)) if header[k + 1 : k + 1 + len(_PARTS)] == _PARTS]
    cells = [column.tolist() for column in columns]
    described = header.index("Description") if "Description" in header else None
    names = _names((n, cells[described][n] if described is not None else "")
                   for n in range(len(lines)))  # fmt: skip
    variables = [k for k in range(starts[0]) if k != described]
    recipes = _columns_as_recipes([header[k] for k in starts])
    rows, places = [], []
    for recipe, start in zip(recipes, starts, strict=True):
        for n, line in enumerate(lines):
            status = cells[start + 1][n].strip().upper()
            if not status:
                continue
            rows.append({
                "recipe": recipe, "task": names[n], "score": cells[start + 2][n],
                "failure": "error" if status == "ERROR" else None, "answer": cells[start][n],
                "question": "\n".join(cells[k][n] for k in variables),
            })  # fmt: skip
            places.append(int(line))
    if not rows:
        raise TableError(f"{file.path}: a promptfoo table without results; run it to its end")
    return Found(rows=rows, used={name: name for name in rows[0]}, lines=places, facts=_facts({}))


def _columns_as_recipes(headers: list[str]) -> list[str]:
    parts = [match if (match := _HEADER.match(text)) else None for text in headers]
    providers = [m["provider"] if m else text for m, text in zip(parts, headers, strict=True)]
    several = len(set(providers)) < len(providers)
    return [
        f"{provider} / {match['prompt']}" if several and match else provider
        for provider, match in zip(providers, parts, strict=True)
    ]
