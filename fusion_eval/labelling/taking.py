"""Reading what people said."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.errors import TableError
from fusion_eval.labelling.sheet import read_sheet
from fusion_eval.store import Run, write_table

WORDS = {
    **dict.fromkeys(("1", "1.0", "true", "met", "yes", "y", "x"), 1.0),
    **dict.fromkeys(("0", "0.0", "false", "unmet", "no", "n"), 0.0),
    **dict.fromkeys(("0.5", "0,5", "half", "partly"), 0.5),
}
UNSURE = {"?", "unsure"}
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a sheet brought: labels of it, how many are open in it, and of the whole draw."""

    labels: int
    unsure: int
    empty: int
    people: tuple[str, ...]
    of: int


def take(run: Run, sheet: Path, people: Collection[str] | None = None) -> Taken:
    """Take the labels of a filled sheet into the run; a person's earlier ones are replaced.

    `?` replaces an earlier label too: nobody can tell. `people` : only what they said.
    Raises TableError with all problems and their lines, and takes nothing then.
    """
    known = frames.labels(run)
    if known is None:
        raise TableError(f"{run.path}: no labels were drawn; begin with `fusion-eval label`")
    drawn = known.drop_duplicates(["label", "recipe", "repeat"]).drop(
        columns=["person", "value", "note"]
    )
    said = {
        key: value
        for key, value in _said(sheet, set(drawn["label"])).items()
        if people is None or key[1] in people
    }
    before = known.dropna(subset=["person"]).drop_duplicates(["label", "person"])
    whole = {
        (str(r["label"]), str(r["person"])): (r["value"], r["note"])
        for r in before.to_dict("records")
    }
    filled = {key: (v, note) for key, (v, note) in said.items() if v is not None}
    taken_back = {key for key, (_, note) in said.items() if note == "unsure"}
    whole = {key: value for key, value in whole.items() if key not in taken_back} | filled
    told = pd.DataFrame(
        [(label, person, value, note) for (label, person), (value, note) in whole.items()],
        columns=["label", "person", "value", "note"],
    )
    rows = drawn.merge(told, how="left", on="label").astype(object)
    records: list[dict[str, Any]] = rows.where(rows.notna(), None).to_dict("records")  # type: ignore[assignment]
    write_table(run.path, "labels", records)
    unsure = sum(note == "unsure" for value, note in said.values() if value is None)
    return Taken(
        labels=len(filled),
        unsure=unsure,
        empty=len(said) - len(filled) - unsure,
        people=tuple(sorted({person for _, person in filled})),
        of=drawn["label"].nunique(),
    )


def _said(sheet: Path, labels: set[str]) -> dict[tuple[str, str], tuple[float | None, str]]:
    """(label, person) -> (value, note); no value where the cell is empty or says `?`."""
    found: dict[tuple[str, str], tuple[float | None, str]] = {}
    problems = []
    for line, cells in read_sheet(sheet):
        label, word = cells.get("label", ""), cells.get("met", "").lower()
        if not any(cells.values()):
            continue
        key = (label, cells.get("person") or "unnamed")
        where = f"{sheet}:{line}:"
        if label not in labels:
            problems.append(f"{where} this run drew no label {label!r}; keep the column as it was")
        elif key in found:
            problems.append(
                f"{where} {label!r} for the second time; remove one, or name the person"
            )
        elif word and word not in WORDS and word not in UNSURE:
            problems.append(
                f"{where} {word!r} in 'met'; write met or unmet, or ? if nobody can tell"
            )
        else:
            note = "unsure" if word in UNSURE else cells.get("note", "")
            found[key] = (WORDS.get(word), note)
    if problems:
        more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise TableError(problems[:_SHOWN] + more)
    return found
