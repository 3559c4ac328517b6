"""Choosing what people check, and writing the sheet they fill in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.core import digest
from fusion_eval.core.sampling import chosen, heavy
from fusion_eval.errors import InputError
from fusion_eval.labelling.sheet import excerpt, write_sheet
from fusion_eval.labelling.texts import Texts
from fusion_eval.store import Run, write_json, write_table

Row = dict[str, Any]
PER_TASK = 3
JOURNAL = "journal.jsonl"
"""Marks that people give in `fusion-eval view`, in the folder of the sheet."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was drawn: rows of the sheet, verdicts they stand for, and where the sheet is.

    One row serves all recipes that returned the same answer.
    """

    sheet: Path
    rows: int
    verdicts: int
    heavy: int
    tasks: int
    recipes: tuple[str, ...]
    by_recipe: Mapping[str, int]


def draw(
    run: Run,
    recipes: Collection[str],
    known: Texts,
    *,
    per_task: int = PER_TASK,
    tasks: int | None = None,
    seed: int = 0,
    again: bool = False,
) -> Drawn:
    """Draw verdicts for people to check, and write `labels/sheet.csv` in the run directory.

    Parameters
    ----------
    recipes : whose answers are checked; the same criteria for each of them
    known : the texts that people read
    per_task : labels per task and recipe, in proportion to |weight|; heavy criteria (more than a
        quarter of their task) come on top, all of them
    tasks : so many tasks, at random; all unless given
    seed : the same seed draws the same labels
    again : replace an earlier draw, and what people have said

    Raises
    ------
    InputError : unknown recipes, nothing graded by a rubric, or an earlier draw
    """
    if (run.path / "labels.parquet").exists() and not again:
        raise InputError(
            f"{run.path / 'labels'}: labels were drawn before; fill in that sheet, or give --again "
            "to throw it away, with all that people have said"
        )
    trials, verdicts = frames.trials(run), frames.verdicts(run)
    if unknown := sorted(set(recipes) - set(frames.recipes(trials))):
        raise InputError(
            f"the run has no recipe {', '.join(unknown)}; it has {frames.recipes(trials)}"
        )
    rubrics = _rubrics(verdicts)
    inside = _some(sorted(set(frames.task_key(trials))), tasks, seed)
    rows = list(_rows(trials, rubrics, recipes, set(inside), per_task, seed))
    if not rows:
        raise InputError("no answer of these recipes was graded by a rubric; nothing to label")
    folder = run.path / "labels"
    folder.mkdir(exist_ok=True)
    (folder / JOURNAL).unlink(missing_ok=True)  # marks that people gave on an earlier draw
    order = {name: at for at, name in enumerate(inside)}
    sheet = write_sheet(folder, _lines(rows, known, folder, order, seed))
    plan = {"seed": seed, "per_task": per_task, "recipes": list(recipes), "tasks": inside}
    write_json(folder / "design.json", plan)
    write_table(run.path, "labels", rows)  # last: with it the draw exists
    return Drawn(
        sheet=sheet,
        rows=len({row["label"] for row in rows}),
        verdicts=len(rows),
        heavy=sum(row["criterion"] in heavy(rubrics[row["task_hash"]]) for row in rows),
        tasks=len(inside),
        recipes=tuple(recipes),
        by_recipe={name: sum(row["recipe"] == name for row in rows) for name in recipes},
    )


def _rubrics(verdicts: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Task -> criterion -> weight, without tasks whose answers are checked against a target."""
    judged = verdicts[~frames.is_checked(verdicts)]
    each = judged.assign(task_hash=frames.task_key(judged)).drop_duplicates(
        ["task_hash", "criterion"]
    )
    found: dict[str, dict[str, float]] = {}
    for task, name, weight in zip(
        each["task_hash"], each["criterion"], each["weight"], strict=True
    ):
        found.setdefault(str(task), {})[str(name)] = float(weight)
    return found


def _some(tasks: list[str], count: int | None, seed: int) -> list[str]:
    """So many tasks in random order: who stops early has read a random part of them."""
    return sorted(tasks, key=lambda task: digest([seed, "task", task]))[:count]


def _rows(
    trials: pd.DataFrame,
    rubrics: Mapping[str, Mapping[str, float]],
    recipes: Collection[str],
    tasks: Collection[str],
    per_task: int,
    seed: int,
) -> Iterator[Row]:
    wanted = trials[trials["recipe"].astype(str).isin(list(recipes))]
    for key, part in wanted.groupby(frames.task_key(wanted), sort=False):
        task = str(key)
        if task not in tasks or task not in rubrics:
            continue
        drawn = chosen(task, rubrics[task], part["repeat"], seed=seed, labels=per_task)
        for trial in part[part["failure"].isna()].to_dict("records"):
            for (repeat, name), chance in drawn.items():
                if repeat == trial["repeat"]:
                    yield _row(trial, task, name, rubrics[task][name], chance, seed)


def _row(
    trial: Mapping[Any, Any], task: str, name: str, weight: float, chance: float, seed: int
) -> Row:
    answer = trial["answer_hash"] or [trial["recipe"], int(trial["repeat"])]
    return {
        "label": f"L{digest([seed, task, answer, name])[:10]}",
        "task": trial["task"],
        "task_hash": task,
        "recipe": trial["recipe"],
        "repeat": int(trial["repeat"]),
        "criterion": name,
        "weight": weight,
        "probability": chance,
    }


def _lines(
    rows: list[Row], known: Texts, folder: Path, order: Mapping[str, int], seed: int
) -> Iterator[dict[str, str]]:
    """One line per label: no recipe, no weight, no verdict; tasks, answers, criteria shuffled."""
    first = {row["label"]: row for row in reversed(rows)}

    def place(row: Row) -> tuple[int, str, str]:
        answer = [row["recipe"], row["repeat"]]
        return order[row["task_hash"]], digest([seed, answer]), digest([seed, row["label"]])

    for row in sorted(first.values(), key=place):
        key = (row["task"], row["recipe"], row["repeat"])
        text, file = excerpt(known.answers.get(key), folder, row["task_hash"], seed)
        yield {
            "label": row["label"],
            "task": row["task"],
            "question": known.questions.get(row["task_hash"], ""),
            "answer": text,
            "answer_file": file or f"answer of {row['recipe']}, repeat {row['repeat']}",
            "requirement": known.requirements.get(
                (row["task_hash"], row["criterion"]), row["criterion"]
            ),
            "kind": "a point to make"
            if row["weight"] > 0
            else "an error: met if the answer makes it",
        }
