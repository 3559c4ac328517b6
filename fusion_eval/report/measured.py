"""Whether a run measured what it was to measure, in words: the first thing that anybody reads.

The counts stand in the manifest (`bench.unusable`); terminal, `report.md`, the page, the gate and
`summary.json` take their sentences from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fusion_eval.core.readable import percent
from fusion_eval.report.words import listed, plain

Name = Callable[[str], str]
_SAMPLE, _WORDS = 200, 3
_WHAT = {"verdicts": "verdicts on", "answers": "answers of", "role": "tasks under"}


def losses(
    manifest: Mapping[str, Any], recipes: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """What a run could not use, as its manifest says; of these recipes where they are given.

    Rows of `kind` (`verdicts`, `answers`, `role`), `recipe`, `who`, `lost`, `of`, `share`, `words`
    (how often which), `said` (the first of what came back, or None), `unusable` (more than
    `limits: unusable_share`). Empty for an imported run, and for one of an older version.
    """
    rows = manifest.get("unusable")
    return [
        dict(row)
        for row in (rows if isinstance(rows, list) else [])
        if recipes is None or row["recipe"] in recipes
    ]


def sentences(rows: Sequence[Mapping[str, Any]], name: Name = plain) -> list[str]:
    """One sentence for everything that was lost, what makes the run unusable first.

    The same loss under several recipes, such as by one grader, is one sentence.
    """
    alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        words = tuple(sorted(row["words"]))
        alike.setdefault((row["unusable"], row["kind"], row["who"], words), []).append(row)
    return [_sentence(group, name) for group in alike.values()]


def _sentence(rows: Sequence[Mapping[str, Any]], name: Name) -> str:
    first = rows[0]
    lost, of = (sum(row[column] for row in rows) for column in ("lost", "of"))
    words: Counter[str] = Counter()
    for row in rows:
        words.update(row["words"])
    said = next((row["said"] for row in rows if row["said"]), None)
    start = "Measurement failed" if first["unusable"] else "Not all could be measured"
    who = f"{name(first['who'])}: " if first["who"] else ""
    causes = ", ".join(f"{name(word)} {count:,}×" for word, count in words.most_common(_WORDS))
    failed = "went without it" if first["kind"] == "role" else "could not be used"
    text = (
        f"{start}: {who}{lost:,} of {of:,} {_WHAT[first['kind']]} "
        f"{listed([name(row['recipe']) for row in rows])} {failed} ({percent(lost / of, 0)}; "
        f"{causes})"
    )
    return f"{text}; it said: “{name(said[:_SAMPLE])}”." if said else f"{text}."
