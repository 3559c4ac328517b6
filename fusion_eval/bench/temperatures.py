"""Temperature policies: which seat answers at which temperature, settled before anything is asked.

`fixed` is one for all; `cycled` goes through a list, seat after seat, as openfusion's self-fusion
does with 0.3, 0.7 and 1.0; `spread` reaches from the seat's own temperature less the width to that
plus the width, in equal steps, as fusionHarness's `diversity_jitter` does. Seats that differ in
temperature share no draft with seats that do not: a temperature is part of a call's identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fusion_eval.bench.parameters import Parameter
from fusion_eval.core import Member, Model
from fusion_eval.loading.bench import Temperatures


def heated(
    values: Mapping[str, Any], wanted: Mapping[str, Parameter], policy: Temperatures
) -> dict[str, Any]:
    """`members`, or the `member` that is seated n times, at the temperatures of a policy.

    Raises ValueError with the way out.
    """
    if "members" in wanted:
        return {"members": seated(values.get("members") or (), policy)}
    if {"member", "n"} <= wanted.keys():
        member, n = values.get("member"), values.get("n", wanted["n"].default)
        return {"member": cycled(member, policy, n)} if member and n else {}
    raise ValueError("temperatures are for recipes with `members`, or with a `member` and `n`")


def seated(members: Sequence[Member], policy: Temperatures) -> tuple[Member, ...]:
    """Each member at the temperature of its seat. Raises ValueError with the way out."""
    count = len(members)
    return tuple(
        replace(member, model=_at(member, policy, seat, count))
        for seat, member in enumerate(members)
    )


def cycled(member: Member, policy: Temperatures, n: int) -> Member:
    """A member whose n seats differ. Raises ValueError with the way out."""
    models = tuple(_at(member, policy, seat, n) for seat in range(n))
    return replace(member, model=models[0], cycle=models)


def _at(member: Member, policy: Temperatures, seat: int, count: int) -> Model:
    if member.model is None:
        raise ValueError(f"{member.name!r} is a recipe: set temperatures inside it")
    if policy.fixed is not None:
        return _model(member.model, policy.fixed)
    if policy.cycled is not None:
        return _model(member.model, policy.cycled[seat % len(policy.cycled)])
    middle = member.model.params.get("temperature")
    if middle is None or policy.spread is None:
        raise ValueError(f"{member.name!r} has no temperature to spread around; give it one")
    step = 2 * seat / (count - 1) - 1 if count > 1 else 0.0
    return _model(member.model, round(max(0.0, middle + policy.spread * step), 6))


def _model(model: Model, temperature: float) -> Model:
    return replace(model, params={**model.params, "temperature": temperature})
