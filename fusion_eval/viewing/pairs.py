"""Two runs, or a run and a gate baseline, as `fusion-eval compare` compares them, for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.comparing import of_two
from fusion_eval.errors import InputError
from fusion_eval.gate.baseline import read_baseline
from fusion_eval.gate.setup import setup
from fusion_eval.report.cleaning import clean
from fusion_eval.report.html.items import listed
from fusion_eval.stats.compare import compare
from fusion_eval.viewing.runs import BASELINE, baselines, run_of

OF_BASELINE = "baseline:"
"""Before the name of a baseline's folder, where a run or a baseline may be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison. `run` is None for a baseline, which has no pages."""

    name: str
    run: Path | None
    trials: pd.DataFrame
    setup: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A comparison for a page: its table, what changed in the bench, and the tasks of one pair."""

    simulated: bool
    rows: list[dict[str, Any]]
    caveats: list[tuple[str, str]]
    changed: list[tuple[str, str, str]]
    is_setup_known: bool
    pair: int
    tasks: list[dict[str, Any]]


def side(results: Path, name: str) -> Side:
    """A run by its id, or a baseline by its folder. Raises InputError."""
    if name.startswith(OF_BASELINE):
        folder = name.removeprefix(OF_BASELINE)
        if folder not in baselines(results):
            raise InputError(f"there is no baseline {folder!r} here")
        old = read_baseline(results / folder / BASELINE)
        return Side(name=name, run=None, trials=old.trials, setup=old.setup)
    if (run := run_of(results, name)) is None:
        raise InputError(f"there is no run {name!r} here that can be read")
    return Side(name=name, run=run.path, trials=frames.trials(run), setup=setup(run))


def compared(a: Side, b: Side | None, *, pair: int = 0, force: bool = False) -> Compared:
    """Recipes that both have, each with itself; else first against second; of one run all pairs.

    pair : of which row of the table the tasks are shown. Raises StatisticsError.
    """
    frame = compare(a.trials, force=force) if b is None else of_two(a.trials, b.trials, force=force)
    rows: list[dict[str, Any]] = clean(frame.to_dict("records"))
    pair = pair if 0 <= pair < len(rows) else 0
    return Compared(
        simulated=bool(frame.attrs.get("simulated")),
        rows=rows,
        caveats=_caveats(rows),
        changed=[] if b is None else _changed(a.setup, b.setup),
        is_setup_known=b is not None and bool(a.setup and b.setup),
        pair=pair,
        tasks=_tasks(a, b or a, rows[pair], same=b is not None) if rows else [],
    )


def _caveats(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(pair, caveat): what holds for all rows once, without a pair, and then the rest by row."""
    each = [
        [text for text in str(row.get("caveat") or "").split("; ") if text not in ("", "SIMULATED")]
        for row in rows
    ]
    shared = [text for text in (each[0] if each else []) if all(text in one for one in each)]
    own = [
        (f"{row['a']} against {row['b']}", "; ".join(text for text in one if text not in shared))
        for row, one in zip(rows, each, strict=True)
    ]
    return [*(("", text) for text in shared), *(pair for pair in own if pair[1])]


def _changed(a: Mapping[str, str], b: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(field of the bench, in a, in b) of what is not the same; nothing where a side is unknown."""
    if not (a and b):
        return []
    names = sorted({*a, *b})
    return [
        (name, a.get(name, "not set"), b.get(name, "not set"))
        for name in names
        if a.get(name) != b.get(name)
    ]


def _tasks(a: Side, b: Side, row: Mapping[str, Any], *, same: bool) -> list[dict[str, Any]]:
    """The tasks of one pair, those first that are worst for the first side; unpaired ones last."""
    recipes = (row["recipe"], row["recipe"]) if "recipe" in row else (row["a"], row["b"])
    sides = [a, b] if same and "recipe" in row else _owners(a, b, recipes)
    wide = [frames.per_task(one.trials) for one in sides]
    both = pd.DataFrame({"a": wide[0][recipes[0]], "b": wide[1][recipes[1]]})
    both["difference"] = both["a"] - both["b"]
    names = {**wide[1].attrs["tasks"], **wide[0].attrs["tasks"]}
    items = [_items(one) for one in sides]
    ordered = both.sort_values("difference", kind="stable", na_position="last")
    return [
        {
            "task": names[key],
            **clean(values),
            "a_page": items[0].get(key),
            "b_page": items[1].get(key),
        }
        for key, values in zip(ordered.index, ordered.to_dict("records"), strict=True)
    ]


def _owners(a: Side, b: Side, recipes: tuple[str, str]) -> list[Side]:
    """Which side each recipe of a pair is of; they share none where this matters."""
    return [a if name in set(a.trials["recipe"].astype(str)) else b for name in recipes]


def _items(one: Side) -> dict[str, str]:
    """Hash of a task -> address of its page, where the run has one."""
    if one.run is None:
        return {}
    return {
        item.task_hash: f"/runs/{one.run.name}/{item.file}"
        for item in listed(one.trials)
        if (one.run / item.file).exists()
    }
