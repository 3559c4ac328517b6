"""What a run says of its grader, as one table of shares and one of differences for figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

Row = dict[str, Any]
_OPEN = {"unreadable": "unreadable", "not_graded": "never given"}


def shares_of(found: Mapping[str, Any]) -> pd.DataFrame:
    """Flips, unread verdicts, agreement and error rates: `of`, `sign`, `value`, `low`, `high`.

    found : of `grader_report`, with None for what is not known; rows without a value are left out,
    and so are kinds of unread verdicts of which there are none.
    """
    names = ("of", "sign", "value", "low", "high", "n")
    rows = [row for row in _rows(found) if row["value"] is not None]
    table = pd.DataFrame(rows, columns=list(names))
    table.attrs |= {"simulated": found["simulated"], "what": "shares of verdicts"}
    table[["value", "low", "high"]] = table[["value", "low", "high"]].astype(float)
    return table


def _rows(found: Mapping[str, Any]) -> Iterator[Row]:
    for row in found["flips"]:
        yield _row(f"passes of {row['of']} disagree", row)
    for row in found["agreement"]:
        if row["measure"] == "raw":
            yield _row(f"{row['between']} agree", row)
    for row in found["unread"]:
        if row["value"]:
            yield _row(f"{row['rater']}: {_OPEN[row['verdict']]}", row)
    for row in (found["labels"] or {}).get("error_rates", ()):
        if row["measure"] != "constant":
            yield _row(f"{row['measure']} against people", row)


def _row(of: str, row: Mapping[str, Any]) -> Row:
    return {"of": of, **{name: row[name] for name in ("sign", "value", "low", "high", "n")}}


def differences_of(found: Mapping[str, Any]) -> pd.DataFrame:
    """Differences of score between graders, and how much two prefer their own families."""
    names = ("a", "b", "difference", "low", "high")
    kept = [{name: row[name] for name in names} for row in found["differences"]]
    own = [
        {**{name: row[name] for name in names}, "a": f"{row['a']}, own family",
         "b": f"{row['b']}, own family"}
        for row in found["self_preference"]["double_differences"]
    ]  # fmt: skip
    table = pd.DataFrame([*kept, *own], columns=list(names))
    table.attrs["simulated"] = found["simulated"]
    return table
