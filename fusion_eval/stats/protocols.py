"""Scores under different protocols are different quantities: they are not compared by accident."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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


def limits_apart(
    one: Mapping[str, str], two: Mapping[str, str], names: Iterable[tuple[str, str]]
) -> list[str]:
    """Pairs of recipes whose answers had different token limits, in words; unknown ones fit any.

    one, two : recipe -> limit (`attrs["token_limits"]` of trials); names : recipe of each side. An
    answer that was cut off is another answer, so a difference may be that of the limits.
    """
    return [
        f"{a} answered within {one[a]} tokens, {b} within {two[b]}"
        for a, b in names
        if a in one and b in two and one[a] != two[b]
    ]


def refuse_other_limits(
    a: pd.DataFrame, b: pd.DataFrame, names: Sequence[str], *, force: bool = False
) -> str | None:
    """Raise ProtocolsDifferError where a recipe had other token limits in two tables; forced, the
    caveat instead."""
    limits = [dict(table.attrs.get("token_limits") or {}) for table in (a, b)]
    apart = limits_apart(limits[0], limits[1], [(name, name) for name in names])
    if not apart:
        return None
    said = f"answers had different token limits in the two runs ({'; '.join(apart[:3])})"
    if force:
        return said
    raise ProtocolsDifferError(
        f"{said}, so a difference may be that of the limits; run one again under the limits of the "
        "other, or compare with --force (force=True)"
    )


def with_caveat(table: pd.DataFrame, caveat: str | None) -> pd.DataFrame:
    """The comparisons with one caveat more in each row."""
    if caveat is None:
        return table
    before = table["caveat"].fillna("").astype(str)
    table["caveat"] = [f"{text}; {caveat}" if text else caveat for text in before]
    return table
