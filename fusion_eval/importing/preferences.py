"""Tables of preferences: which of two answers was liked better; win, tie, loss; both orders.

The score of an answer is how far it was preferred: 1, 0.5 for a tie, 0. A recipe that every other
was held against has 0.5 everywhere: it ties with itself. Without such a one a score is the share
that a recipe won of the duels it had, and opponents may differ.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion_eval.importing.columns import SWAPPED
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.values import scores

ORDERS = ("preferred-first", "preferred-second")
"""Names of the criterion where it is known which answer stood first."""
_A = frozenset({"a", "[[a]]", "a>b", "a>>b", "first", "left"})
_B = frozenset({"b", "[[b]]", "b>a", "b>>a", "a<b", "a<<b", "second", "right"})
"""Words for the answer that stood first or second, whoever gave it."""
_OURS = frozenset({"model_a", "model a", "model_1", "win"})
_THEIRS = frozenset({"model_b", "model b", "model_2", "loss"})
_TIES = frozenset({
    "tie", "c", "[[c]]", "a=b", "b=a", "both", "equal", "draw", "same", "tie (bothbad)",
    "tie (both bad)", "tie_bothbad", "bothbad", "both_bad", "both bad", "neither",
})  # fmt: skip


def preferred(
    table: pd.DataFrame, scale: tuple[float, float], problems: Problems, column: str = "preference"
) -> pd.Series:
    """How far the recipe of each row was preferred, 0 to 1, NaN where nothing is said."""
    text = table[column].str.strip()
    low = text.str.lower().mask(text.str.lower() == "error", "")
    first, second = (_A, _B) if column != SWAPPED else (_B, _A)
    value = pd.Series(np.nan, index=table.index)
    value = value.mask((low.isin(first | _OURS) | (text == table["recipe"])).to_numpy(), 1.0)
    value = value.mask((low.isin(second | _THEIRS) | (text == table["against"])).to_numpy(), 0.0)
    value = value.mask(low.isin(_TIES).to_numpy(), 0.5)
    value = value.fillna(scores(text, scale))
    bad = ((low != "") & ~value.between(0, 1)).to_numpy()
    whats = [f"preference {cell!r}" for cell in text[bad]]
    way_out = "use win, tie, loss, a name, or a number (--scale 1..2 where 2 means the recipe)"
    problems.add_rows(table.index[bad], whats, way_out)
    return value


def as_duels(
    table: pd.DataFrame, scale: tuple[float, float], problems: Problems
) -> tuple[pd.DataFrame, list[str]]:
    """One row for each recipe of a duel with `criterion`, `value` and `score`; and what was done.

    The recipe stands first and its opponent (`against`) second. Where a pair is there in both
    orders these are two readings of one answer, else several duels on a task are repeats. Raises
    TableError by `problems` for what is no preference.
    """
    value, reference = preferred(table, scale, problems), _reference(table)
    if SWAPPED in table:  # one row has both orders
        turned = 1 - preferred(table, scale, problems, SWAPPED)
        other = {"recipe": table["against"], "against": table["recipe"]}
        table = pd.concat([table, table.assign(**other)])
        value = pd.concat([value, turned])
    problems.raise_if_any()
    pairs = set(zip(table["recipe"], table["against"], strict=True))
    first, second = ORDERS if any((b, a) in pairs for a, b in pairs) else ("preferred",) * 2
    ours = table.assign(value=value.to_numpy(), criterion=first)
    swapped = {"recipe": table["against"], "against": table["recipe"]}
    theirs = table.assign(**swapped, value=1 - value.to_numpy(), criterion=second)
    if reference is None:
        notes = ["score is the share of duels that a recipe won; opponents may differ"]
        return _numbered(pd.concat([ours, theirs])), notes
    both = pd.concat([ours, theirs])
    duels = both[both["recipe"] != reference]
    itself = table.drop_duplicates("task").assign(
        recipe=reference, against=reference, value=0.5, criterion="preferred"
    )
    notes = [f"score is how far an answer was preferred to that of {reference}, which has 0.5"]
    return pd.concat([_numbered(duels), _numbered(itself)]), notes


def _reference(table: pd.DataFrame) -> str | None:
    """The recipe that is in every duel; of two that only met each other, the one that is second."""
    names = set(table["recipe"]) | set(table["against"])
    fixed = [n for n in names if ((table["recipe"] == n) | (table["against"] == n)).all()]
    if len(fixed) == 1:
        return str(fixed[0])
    against = table["against"].unique()
    return str(against[0]) if len(against) == 1 and against[0] in fixed else None


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Duels of one recipe on one task are repeats, but both orders of one duel belong together."""
    keys = ["recipe", "task", "criterion", *[n for n in ("grader", "repeat") if n in rows]]
    number = rows.groupby(keys, sort=False).cumcount().astype("str")
    score = rows["value"].map(lambda v: "" if pd.isna(v) else repr(float(v)))
    return rows.assign(score=score, repeat=rows.get("repeat", number))


def readings(duels: pd.DataFrame, trials: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of the table of verdicts, as the protocol `pairwise` writes them."""
    hashes = dict(zip(trials["task"], trials["task_hash"], strict=True))
    columns = (duels[n] for n in ("task", "recipe", "repeat", "criterion", "value", "against"))
    graders = duels.get("grader", pd.Series("imported", index=duels.index))
    return [
        {
            "task": task, "task_hash": hashes[task], "recipe": recipe, "repeat": int(repeat),
            "criterion": criterion, "section": "", "weight": 1.0, "grader": grader or "imported",
            "grader_pass": 0, "value": None if pd.isna(value) else float(value),
            "verdict": "unreadable" if pd.isna(value) else "met" if value >= 0.5 else "unmet",
            "reason": "the same text" if recipe == against else f"against {against}",
            "position": ORDERS.index(criterion) if criterion in ORDERS else None,
        }
        for grader, (task, recipe, repeat, criterion, value, against) in zip(
            graders, zip(*columns, strict=True), strict=True)
    ]  # fmt: skip
