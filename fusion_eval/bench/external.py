"""Answers of products: what they say of themselves, and what a tap saw behind them, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_eval.bench.facts import Facts
from fusion_eval.core import Bench, Recipe, Task, Trial, Use
from fusion_eval.engine.products import ROLE
from fusion_eval.tapping.joining import Asked, Tapped, Taps

Row = dict[str, Any]


def taps_of(bench: Bench) -> Taps | None:
    """The taps that the endpoints of a bench name. Raises InputError where one is not there."""
    paths = sorted({endpoint.tap for endpoint in bench.endpoints if endpoint.tap})
    return Taps(paths) if paths else None


def tapped(
    taps: Taps | None, task: Task, trials: Sequence[Trial], facts: Facts
) -> Mapping[str, Tapped]:
    """What taps saw behind the answers to one task, by the keys of their calls."""
    if taps is None:
        return {}
    asked: dict[str, dict[str, Asked]] = {}
    for use in (use for trial in trials for use in trial.uses if is_product(use)):
        fact = facts[use.key, use.model]
        if fact.model.endpoint.tap and fact.reply and fact.reply.asked_at is not None:
            start = fact.reply.asked_at
            one = Asked(key=use.key, start=start, end=start + fact.reply.latency_s)
            asked.setdefault(fact.model.endpoint.tap, {})[use.key] = one
    found: dict[str, Tapped] = {}
    for path, calls in asked.items():
        found |= taps.behind(path, task.question.prompt, list(calls.values()))
    return found


def is_product(use: Use) -> bool:
    """Whether a product answered a call as a whole."""
    return use.role.rpartition("/")[2] == ROLE


def columns(recipe: Recipe, trial: Trial, facts: Facts, behind: Mapping[str, Tapped]) -> Row:
    """What is known of the product behind an answer; all empty where there is none."""
    names = ("fused", "fusion_note", "models_served", "told_usd", "told_parts_usd",
             "tapped_usd", "tapped_calls")  # fmt: skip
    row: Row = dict.fromkeys(names)
    use = next((use for use in trial.uses if is_product(use)), None)
    reply = facts[use.key, use.model].reply if use else None
    if use is None or reply is None:
        return row
    told = reply.extra.get("told") or {}
    seen = behind.get(use.key)
    models = seen.models if seen else tuple(told.get("models") or ())
    declared = recipe.params.get("declares") or ()
    strangers = [one for one in models if declared and not any(_same(one, d) for d in declared)]
    notes = [told.get("why") or ""]
    notes += [f"not declared: {', '.join(strangers)}"] if strangers else []
    notes += [f"its bill leaves out {told['missing']}"] if told.get("missing") else []
    notes += [f"the tap saw {len(seen.failed)} failed calls"] if seen and seen.failed else []
    if seen and seen.others:
        notes += [
            "its cost is unknown, as the tap saw calls meanwhile that hold neither question nor "
            "answers: give it a tap that nobody else uses"
        ]
    return row | {
        "fused": told.get("fused"),
        "fusion_note": "; ".join(filter(None, notes)) or None,
        "models_served": " + ".join(models) or None,
        "told_usd": told.get("usd") if told.get("usd") is not None else reply.cost_reported,
        "told_parts_usd": told.get("parts_usd"),
        "tapped_usd": seen.usd if seen else None,
        "tapped_calls": seen.calls if seen else None,
    }


def _same(model: str, declared: str) -> bool:
    """Whether two ids name one model: equal, or one with a date or variant behind it."""
    one, other = model.casefold().lstrip("~"), declared.casefold().lstrip("~")
    return one == other or one.startswith((f"{other}-", f"{other}:"))
