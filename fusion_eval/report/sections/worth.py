"""The sections on worth: equal dollars, good enough answers, time limits, what fusion adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.core.readable import with_ends
from fusion_eval.report.blocks import Block, Cell, Look, Section, Text, table
from fusion_eval.report.sections.differences import caveat
from fusion_eval.report.words import escaped, points_range
from fusion_eval.stats.drafts import MEANING

_SHOWN = ("mean member", "fused", "oracle", "fused - mean member", "fused - best member")


def worth(summary: Mapping[str, Any], look: Look) -> Iterator[Section]:
    """Tables and how to read them; no section where the run cannot say it."""
    if summary["matched"]:
        yield Section("equal-dollars", "At equal dollars", (_equal(summary, look), Text(_EQUAL)))
    if summary["acceptable"]:
        blocks = (_acceptable(summary, look), Text(_GOOD))
        yield Section("acceptable", "Answers that are good enough", blocks)
    if summary["deadlines"]:
        yield Section("deadlines", "Under a time limit", (_deadlines(summary, look), Text(_LATE)))
    fusion = (
        *_headroom(summary, look),
        *_alike(summary, look),
        *_drafts(summary, look),
        *_decomposition(summary),
    )
    if fusion:
        yield Section("worth", "What fusion adds", fusion)


_EQUAL = (
    "The mix sends so many tasks to each of the baselines that it costs what the recipe costs; of "
    "all such mixes it is the best by the means. The interval pays for the estimated costs and for "
    "having found the mix on the same tasks; limits and conclusions hold for all rows at once. A "
    "recipe that costs more than every baseline is compared with the best of them, which is not at "
    "equal dollars."
)
_LATE = (
    "A late or failed answer counts 0. For each range of limits, the recipe with the highest score "
    "within it, and the probability that it truly has it. Money plays no part."
)


_GOOD = (
    "Below: share of answers under the threshold; failed ones are. Per acceptable answer: cost "
    "over the share that is acceptable, as if the others were thrown away. With one retry: asked "
    "again where the first answer is below, if that is known; it needs repeats. Frontier: of the "
    "share acceptable, and of the mean of the worst tenth of answers, against cost. Another "
    "threshold: `fe.acceptable(trials, 0.8)`."
)


def _acceptable(summary: Mapping[str, Any], look: Look) -> Block:
    rows: list[list[Cell]] = []
    for k, row in enumerate(summary["acceptable"]):
        at = look.below("acceptable", k)
        worst = at.interval("points", value="worst_tenth", ends=("worst_low", "worst_high"))
        rows.append(
            [
                row["recipe"],
                at.interval("percent", value="below", ends=("below_low", "below_high"), none="–"),
                _per_answer(at),
                at.number("usd", "usd_with_retry", none="–"),
                _place(at, ""),
                worst,
                _place(at, "worst_"),
            ]
        )
    limit = 100 * summary["acceptable"][0]["threshold"]
    heads = ["recipe", f"below {limit:g} points", "per acceptable answer", "with one retry"]
    heads += ["frontier, acceptable", "worst tenth, points", "frontier, worst tenth"]
    return table(heads, rows, simulated=summary["simulated"], label="Answers that are good enough")


def _place(at: Look, which: str) -> Cell:
    """`on (80%)`: whether nobody is as good for less, and how likely that is."""
    on = {None: "unknown", True: "on", False: "beaten"}[at.get(f"{which}on_frontier")]
    if at.get(f"p_{which}on_frontier") is None:
        return on
    return (on, " (", at.number("percent", f"p_{which}on_frontier"), ")")


def _per_answer(at: Look) -> Cell:
    if at.get("usd_low") is None:
        return at.number("usd", "usd_per_acceptable")
    value = at.number("usd", "usd_per_acceptable", none="none was")
    high = at.number("usd", "usd_high", none="no limit", end=True)
    return (value, " (", at.number("usd", "usd_low", end=True), " to ", high, ")")


def _equal(summary: Mapping[str, Any], look: Look) -> Block:
    rows: list[list[Cell]] = [
        [
            row["recipe"],
            look.number("usd", "matched", k, "cost_usd"),
            row["mix"] or "–",
            look.interval("difference", "matched", k, value="difference", none="–"),
            row["conclusion"],
            caveat(row) or "–",
        ]
        for k, row in enumerate(summary["matched"])
    ]
    heads = ["recipe", "cost per task", "against", "difference, points", "conclusion", "caveat"]
    return table(heads, rows, simulated=summary["simulated"], label="At equal dollars")


def _deadlines(summary: Mapping[str, Any], look: Look) -> Block:
    rows: list[list[Cell]] = [
        [
            look.number("seconds", "deadlines", k, "from_s"),
            look.number("seconds", "deadlines", k, "to_s", none="no limit"),
            row["recipe"],
            look.number("percent", "deadlines", k, "probability", none="–"),
        ]
        for k, row in enumerate(summary["deadlines"])
    ]
    heads = ["limit from", "to", "take", "sure"]
    return table(heads, rows, simulated=summary["simulated"], label="Under a time limit")


def _by(rows: list[Mapping[str, Any]], *keys: str) -> dict[tuple[str, ...], dict[str, int]]:
    """The values of `keys` -> quantity -> place of its row."""
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for k, row in enumerate(rows):
        found.setdefault(tuple(row[key] for key in keys), {})[row["quantity"]] = k
    return found


def _headroom(summary: Mapping[str, Any], look: Look) -> tuple[Block, ...]:
    at = look.below("headroom")
    rows = [
        [
            recipe,
            *(at.interval("difference" if " - " in q else "points", places[q]) for q in _SHOWN),
            _members(at, places),
        ]
        for (recipe,), places in _by(summary["headroom"], "recipe").items()
    ]
    if not rows:
        return ()
    heads = ["recipe", *_SHOWN, "effective members"]
    about = (
        "Points. Members are the solo recipes that asked the very same calls. The "
        "difference to the best member is cross-fitted, and its interval pays for not knowing "
        "which one is the best. The oracle takes the best of the members' answers by the grading "
        "itself: an upper bound for selecting one of them, and none for writing a new answer. "
        "Effective members: so many without common errors would be worth as much; points that are "
        "hard for everybody count as common. In brackets, as the yardstick: what as many draws of "
        "one of these models would be."
    )
    drawn = table(heads, rows, simulated=summary["simulated"], label="Members and fusion")
    return (drawn, Text(about))


def _members(at: Look, places: Mapping[str, int]) -> Cell:
    """`1.6 (1.3)`: effective members, and what as many draws of one of them would be."""
    if "effective members" not in places:
        return "–"
    worth = at.number("tenths", places["effective members"], "value")
    if "effective draws" not in places:
        return worth
    return (worth, " (", at.number("tenths", places["effective draws"], "value"), ")")


def _alike(summary: Mapping[str, Any], look: Look) -> tuple[Block, ...]:
    """A row per pair of members: how often their answers agree, and how far they err together."""
    at = look.below("alike")
    rows = [
        [
            a,
            "another draw of it" if a == b else b,
            _share(at, places.get("agreement")),
            at.interval("coefficient", places["error correlation"], none="–"),
            at.number("count", places["agreement"], "n"),
        ]
        for (a, b), places in _by(summary["alike"], "a", "b").items()
    ]
    if not rows:
        return ()
    heads = ["member", "against", "agree", "errors correlate", "tasks"]
    about = (
        "Agree: share of criteria that both answers meet or both do not. Errors "
        "correlate: missing the same points. Points that are hard for everybody are in it, so it "
        "is far above 0 even for models that err independently on each. "
    )
    yardstick = (
        "The yardstick, another draw of the same model, needs `--repeats 2` or more; without it "
        "these figures do not say how different the models are."
    )
    if any(row["a"] == row["b"] for row in summary["alike"]):
        yardstick = (
            "The yardstick is another draw of the same model: what two models correlate less than "
            "that is what their difference brings."
        )
    drawn = table(heads, rows, simulated=summary["simulated"], label="How alike members are")
    return (drawn, Text(about + yardstick))


def _drafts(summary: Mapping[str, Any], look: Look) -> tuple[Block, ...]:
    names, at = list(MEANING), look.below("drafts")
    rows = [
        [recipe, *[_share(at, places.get(name)) for name in names]]
        for (recipe,), places in _by(summary["drafts"], "recipe").items()
    ]
    if not rows:
        return ()
    words = "; ".join(f"{name}: {meaning}" for name, meaning in MEANING.items())
    notes = {row["caveat"] for row in summary["drafts"] if row["caveat"]}
    more = f" {'; '.join(sorted(notes))}." if notes else ""
    drawn = table(["recipe", *names], rows, simulated=summary["simulated"], label="Drafts")
    return (drawn, Text(f"What became of the drafts, by criterion. {words}.{more}"))


def _share(at: Look, place: int | None) -> Cell:
    """`80% (76% to 83%)`."""
    return "–" if place is None else at.interval("percent", place, none="–")


def _decomposition(summary: Mapping[str, Any]) -> tuple[Block, ...]:
    rows, lines = summary["decomposition"], []
    for (solo, own, panel), places in _by(rows, "solo", "self_fusion", "panel").items():
        if "synthesis" not in places:
            continue
        cells = {
            q: points_range(rows[places[q]], signed=True)
            for q in ("total", "synthesis", "diversity")
        }
        lines.append(
            f"- {escaped(panel)} over {escaped(solo)}: {cells['total']} points, of which "
            f"{cells['synthesis']} by fusing drafts of one model ({escaped(own)}), "
            f"{cells['diversity']} by drafts of different models{_part(rows[places['share']])}."
        )
    if not lines:
        return ()
    first = "SIMULATED. " if summary["simulated"] else ""
    start = f"{first}Synthesis and diversity, by the same writer:"
    return (Text("\n".join([start, "", *lines])),)


def _part(share: Mapping[str, Any]) -> str:
    if share["value"] is None:
        return "; no share of it can be given"
    return (
        f"; synthesis is {with_ends('percent', share['value'], share['low'], share['high'])} of it"
    )
