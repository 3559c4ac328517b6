"""What failed, told apart by whose failure it is: that of the model, or that of the endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.report.choice import Name
from fusion_eval.report.words import listed, number

_FEW = 3
_LEAST = 0.05
"""Share of failed answers from which on a recipe is named."""
_OF_MODEL = frozenset({"empty", "refused"})
_OF_ENDPOINT = frozenset(
    {
        "timeout",
        "connection",
        "rate_limited",
        "server_error",
        "provider_error",
        "bad_reply",
        "bad_request",
        "not_allowed",
        "no_credit",
        "not_found",
        "interrupted",
        "superseded",
        "forgotten",
        "cancelled",
    }
)
"""Words of docs/failures.md; others, such as those of an import, say neither."""
_SAYS = {
    "model": "Of the model (a refusal, or an empty answer): {}; each failure counts 0.",
    "endpoint": "Of the endpoint (no usable reply), which tells nothing about the model: {}; each "
    "failure counts 0.",
    "unknown": "Of the model or the endpoint, which is not known: {}; each failure counts 0.",
}


def failures(summary: Mapping[str, Any], name: Name) -> str:
    """Who failed often, in a sentence for each kind of failure; not who never answered."""
    texts: dict[str, list[str]] = {kind: [] for kind in _SAYS}
    for recipe, row in summary["recipes"].items():
        if recipe in summary["never_answered"] or row["failed"] < _LEAST * row["trials"]:
            continue
        for kind, count in by_kind(row["failures"]).items():
            of = f"{count} of {number(row['trials'], 'time')}"
            texts[kind].append(f"{name(recipe)} failed {of}")
    said = [_SAYS[kind].format(listed(those, _FEW)) for kind, those in texts.items() if those]
    return " ".join(said)


def never(summary: Mapping[str, Any], name: Name) -> str:
    """Who never answered: a failure costs little, which must not look like a bargain."""
    found = []
    for recipe in summary["never_answered"]:
        row = summary["recipes"][recipe]
        words = listed([f"{word} {count}×" for word, count in row["failures"].items()], _FEW)
        found.append(
            f"{name(recipe)} (failed {row['failed']} of {number(row['trials'], 'time')}: {words})"
        )
    if not found:
        return ""
    return f"Never answered, and so in no choice and not on the frontier: {listed(found, _FEW)}."


def by_kind(counts: Mapping[str, int]) -> dict[str, int]:
    """Failures of the `model`, of the `endpoint`, and of `unknown` kind, without those that have
    none; from failures by word."""
    found = dict.fromkeys(_SAYS, 0)
    for word, count in counts.items():
        kind = "model" if word in _OF_MODEL else "endpoint" if word in _OF_ENDPOINT else "unknown"
        found[kind] += count
    return {kind: count for kind, count in found.items() if count}
