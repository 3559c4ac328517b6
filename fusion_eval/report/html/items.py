"""A page for each task: prompt, every answer, the verdicts with the grader's words, the calls."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from fusion_eval import files, frames
from fusion_eval.report.html.environment import page
from fusion_eval.report.html.numbers import Numbers
from fusion_eval.report.html.safe import rendered, verbatim
from fusion_eval.report.html.timeline import timeline
from fusion_eval.report.words import plain
from fusion_eval.store import Run, read_lines, rows_by_task

FOLDER = "items"
MARKS = {"met": "✓", "unmet": "✗", "unreadable": "?", "not_graded": "–"}
_REASON = 2000
"""Characters of a grader's explanation that are shown."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task of a run and the file of its page, relative to the report."""

    task: str
    task_hash: str
    file: str


def listed(trials: pd.DataFrame) -> list[Item]:
    """The tasks of a run in their order, each with a file name that no other has."""
    tasks = trials.assign(key=frames.task_key(trials)).drop_duplicates("key")
    return [
        Item(
            task=str(task),
            task_hash=str(key),
            file=f"{FOLDER}/{number:04d}-{_slug(str(task))}.html",
        )
        for number, (task, key) in enumerate(zip(tasks["task"], tasks["key"], strict=True), 1)
    ]


def write_items(run: Run, items: Sequence[Item]) -> None:
    """Write the page of each task; each holds its own task alone."""
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    files.sweep(folder)
    texts = _Texts(run)
    parts = {name: rows_by_task(run, name) for name in ("trials", "verdicts", "calls")}
    for k, item in enumerate(items):
        rows = {name: found(item.task) for name, found in parts.items()}
        rows["trials"] = {n: row for n, row in rows["trials"].items() if _is(row, item)}
        before, after = items[k - 1 : k], items[k + 1 : k + 2]
        values = _values(run, item, rows, texts)
        around = {"before": _beside(before), "after": _beside(after)}
        files.write_text(
            run.path / item.file, page("item.html.j2", **values, **around), synced=False
        )
    kept = {Path(item.file).name for item in items}
    for old in folder.glob("*.html"):
        if old.name not in kept:
            old.unlink()


def _is(row: Row, item: Item) -> bool:
    return bool((row["task_hash"] or row["task"]) == item.task_hash)


def _beside(items: Sequence[Item]) -> str | None:
    return Path(items[0].file).name if items else None


class _Texts:
    """What was asked and written, where the run holds it: an imported one does not."""

    def __init__(self, run: Run) -> None:
        self.tasks = {line["hash"]: line for line in _lines(run, "tasks")}
        self.replies = {line["key"]: line["text"] for line in _lines(run, "replies")}
        self.answers = {
            (line["task"], line["recipe"], line["repeat"]): line.get("answer")
            for line in _lines(run, "answers")
        }


def _lines(run: Run, name: str) -> Iterator[Row]:
    path = run.path / f"{name}.jsonl"
    yield from read_lines(path) if path.exists() else ()


def _values(run: Run, item: Item, rows: Mapping[str, dict[int, Row]], texts: _Texts) -> Row:
    """What the template of one page needs."""
    task = texts.tasks.get(item.task_hash, {})
    verdicts, calls = _by_trial(rows["verdicts"]), _by_trial(rows["calls"])
    drafts = _drafts(calls, texts)
    answers = {t: texts.answers.get((item.task, *t)) for t in _by_trial(rows["trials"])}
    shown = {text: rendered(text) for text in set(answers.values()) if text is not None}
    trials = [
        {
            **row, "row": number, "anchor": f"trial-{number}",
            "answer": shown.get(answers[at := (str(row["recipe"]), int(row["repeat"]))]),
            "verdicts": [
                {**v, "reason": plain(v["reason"] or "")[:_REASON]} for v in verdicts.get(at, [])
            ],
            "graph": timeline(made := [c for c in calls.get(at, []) if c["purpose"] == "answer"]),
            "calls": [{**call, "text": drafts.get(call["key"])} for call in made],
        }
        for number, row in rows["trials"].items()
    ]  # fmt: skip
    recipes = list(dict.fromkeys(str(t["recipe"]) for t in trials))
    numbered = {name: {str(k): row for k, row in found.items()} for name, found in rows.items()}
    return {
        "simulated": run.simulated,
        "n": Numbers(numbered),
        "task": plain(item.task),
        "task_hash": item.task_hash,
        "domain": next((plain(t["domain"]) for t in trials if t["domain"]), ""),
        "prompt": _prompt(task),
        "target": task.get("target"),
        "trials": trials,
        "recipes": [plain(name) for name in recipes],
        "repeats": len({t["repeat"] for t in trials}),
        "criteria": _criteria(rows["verdicts"], recipes, task),
        "drafts": drafts.values(),
    }


def _drafts(calls: Mapping[tuple[str, int], list[Row]], texts: _Texts) -> dict[str, Row]:
    """Key -> what a call behind the answers wrote; each stands once, however many share it."""
    found: dict[str, Row] = {}
    for rows in calls.values():
        for call in rows:
            text = texts.replies.get(call["key"])
            if text is not None and call["key"] not in found and call["purpose"] == "answer":
                title = f"{plain(call['role'])}, {plain(call['model'])}"
                found[call["key"]] = {
                    "title": title, "number": len(found) + 1, "text": verbatim(text)
                }  # fmt: skip
    return found


def _prompt(task: Mapping[str, Any]) -> list[tuple[str, Markup]] | None:
    messages = task.get("messages")
    if not messages:
        return None
    return [(plain(m["role"]), verbatim(str(m["content"]))) for m in messages]


def _by_trial(rows: Mapping[int, Row]) -> dict[tuple[str, int], list[Row]]:
    found: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for number, row in rows.items():
        found[str(row["recipe"]), int(row["repeat"])].append({**row, "row": number})
    return found


def _criteria(
    verdicts: Mapping[int, Row], recipes: Sequence[str], task: Mapping[str, Any]
) -> list[Row]:
    """One row per criterion, in the order of the rubric, with the marks of every recipe."""
    asked = {c["id"]: c["requirement"] for c in task.get("criteria", ())}
    found: dict[str, Row] = {}
    for number, row in verdicts.items():
        name = str(row["criterion"])
        entry = found.setdefault(name, {
            "row": number, "section": row["section"], "by": defaultdict(list),
            "error": (row["weight"] or 0) < 0,
            "text": plain(asked.get(name, name)),
        })  # fmt: skip
        entry["by"][str(row["recipe"])].append((row["verdict"], MARKS.get(row["verdict"], "?")))
    for entry in found.values():
        entry["marks"] = [entry["by"].get(name, []) for name in recipes]
    return list(found.values())


def _slug(task: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", task.lower()).strip("-")[:60] or "task"
