"""Scores under different protocols are different quantities: they are not compared by accident."""

from __future__ import annotations

import pandas as pd

from fusion_eval.errors import ProtocolsDifferError


def protocols(*tables: pd.DataFrame) -> list[str]:
    """Names and hashes of the protocols that some trials were graded by; checks have none."""
    found = [t["protocol"].dropna() for t in tables if "protocol" in t]
    return sorted({str(name) for names in found for name in names})


def refuse_mixed(*tables: pd.DataFrame, force: bool = False) -> str | None:
    """Raise ProtocolsDifferError where trials were graded by more than one protocol.

    Forced, the caveat to print with every comparison instead. Trials of unknown protocol, as
    imported ones, are compared with any.
    """
    found = protocols(*tables)
    if len(found) < 2:
        return None
    named = " and ".join(found)
    if force:
        return f"graded under different protocols ({named})"
    raise ProtocolsDifferError(
        f"graded under different protocols ({named}), so a difference may be that of the grading; "
        "grade one again with `fusion-eval grade RUN --protocol P`, or compare with --force "
        "(force=True)"
    )


def with_caveat(table: pd.DataFrame, caveat: str | None) -> pd.DataFrame:
    """The comparisons with one caveat more in each row."""
    if caveat is None:
        return table
    before = table["caveat"].fillna("").astype(str)
    table["caveat"] = [f"{text}; {caveat}" if text else caveat for text in before]
    return table
