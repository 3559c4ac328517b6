"""Calls of a traced run by role and model, with tokens and dollars as a range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fusion_eval.bench.blocks import again
from fusion_eval.bench.dollars import dollars_of
from fusion_eval.bench.experience import Experience
from fusion_eval.core import Purpose, Trial
from fusion_eval.engine import prices
from fusion_eval.engine.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Calls of one role to one model; None is unknown.

    `shared` counts distinct calls, `known` those of them whose reply is in the ledger. Tokens and
    dollars are those of the others, sent once each; `at_most_usd` has every reply at its longest,
    and each that must be an object said again.
    """

    role: str
    model: str
    purpose: Purpose
    charged: int
    shared: int
    known: int
    tokens_in: int
    tokens_out: int
    low_usd: float | None
    expected_usd: float | None
    high_usd: float | None
    at_most_usd: float | None
    price_source: str
    tokens_source: str


def lines_of(trials: Iterable[Trial], trace: Trace, experience: Experience) -> tuple[Line, ...]:
    """One line for each role, model and purpose, in the order of their first call."""
    groups: dict[tuple[str, str, Purpose], list[str]] = {}
    for trial in trials:
        for use in (*trial.uses, *trial.grading):
            role = use.role.split("/")[0]
            groups.setdefault((role, use.model, use.purpose), []).append(use.key)
    return tuple(_line(*group, keys, trace, experience) for group, keys in groups.items())


def total(lines: Iterable[Line], name: str) -> float | None:
    """Sum of a column; None when a part of it is unknown."""
    return _sum([getattr(line, name) for line in lines])


def _line(
    role: str, model: str, purpose: Purpose, keys: list[str], trace: Trace, experience: Experience
) -> Line:
    shared = list(dict.fromkeys(keys))
    new = [trace.calls[key] for key in shared if key not in trace.known_calls]
    repeated = [again(call) for call in new if call.output]
    replies = [trace.expected[call.key] for call in new]
    example = trace.calls[shared[0]]
    price = prices.price_of(example.model)
    usd = dollars_of(new, replies, experience)
    at_most = _sum([prices.worst_case(call) for call in [*new, *repeated]])
    if usd is not None and at_most is not None:
        usd = usd.capped(at_most)
    low, expected, high = (usd.low, usd.expected, usd.high) if usd else (None, None, None)
    reported = price is None and expected is not None and bool(new)
    return Line(
        role=role,
        model=model,
        purpose=purpose,
        charged=len(keys),
        shared=len(shared),
        known=len(shared) - len(new),
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        low_usd=low,
        expected_usd=expected,
        high_usd=high,
        at_most_usd=at_most,
        price_source=price.source if price else "reported before" if reported else "unknown",
        tokens_source=experience.source(*(new or [example])),
    )


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
