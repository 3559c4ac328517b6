"""The section "Can the grader be trusted?" of a report, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion_eval.core.readable import percent, with_ends
from fusion_eval.report.blocks import Block, Cell, Figure, Look, Section, Text, table
from fusion_eval.report.words import escaped, in_code, listed, number, points_range

TITLE = "Can the grader be trusted?"
_HEAVY_SHOWN = 8
_MEASURES = ("raw", "cohen", "fleiss", "alpha", "ac1")
_NAMES = {
    "raw": "agree", "cohen": "Cohen's kappa", "fleiss": "Fleiss' kappa",
    "alpha": "Krippendorff's alpha", "ac1": "Gwet's AC1",
}  # fmt: skip
Rows = Sequence[Mapping[str, Any]]


def trust(found: Mapping[str, Any], look: Look) -> Section | None:
    """The section from the content of `grader_report`; None where nobody graded.

    look : into the same
    """
    if not found["graders"]:
        return None
    blocks = tuple(Text(b) if isinstance(b, str) else b for b in _blocks(found, look))
    return Section("trust", TITLE, blocks)


def _blocks(found: Mapping[str, Any], look: Look) -> Iterator[Block | str]:
    simulated = bool(found["simulated"])
    yield " ".join([_who(found["graders"]), *_flips(found["flips"]), *_unread(found["unread"])])
    yield from _agreement(found["agreement"], look.below("agreement"), simulated)
    yield from _differences(found["differences"], look.below("differences"), simulated)
    effects = [*_place_and_length(found), *_padding(found["padding"])]
    yield " ".join([*effects, *_kin(found["self_preference"])])
    yield from _heavy(found["heavy"], look.below("heavy"), simulated)
    if found["labels"] is not None:
        yield from _labels(found["labels"], look.below("labels"), simulated)
    if found["missing"]:
        lines = [f"- {row['what']} ({escaped(row['how'])})" for row in found["missing"]]
        yield "\n".join(["What this run cannot say, and how to get it:", "", *lines])
    yield Figure(
        "grader",
        "How far the grader contradicts itself and others, and what it left open, with 95 % "
        "intervals over tasks",
    )
    yield Figure(
        "graders",
        "How the score of the same answers differs between graders, and how much two of them "
        "prefer their own families",
    )


def _who(graders: Rows) -> str:
    named = [
        f"{in_code(row['rater'])} ({number(row['passes'], 'pass', 'passes')}, "
        f"{number(row['verdicts'], 'verdict')}, {percent(row['read'])} read)"
        for row in graders
    ]
    return f"Graded by {listed(named)}."


def _flips(rows: Rows) -> Iterator[str]:
    for row in rows:
        if row["sign"] == "all":
            apart = {r["sign"]: _share(r) for r in rows if r["of"] == row["of"]}
            more = [f"{apart[s]} on {s} criteria" for s in ("positive", "negative") if s in apart]
            yield (
                f"Two passes of {in_code(row['of'])} contradict each other on {_share(row)} of the "
                f"criteria ({listed(more)})."
            )


def _unread(rows: Rows) -> Iterator[str]:
    for row in rows:
        if row["sign"] == "all" and row["value"]:
            words = {"unreadable": "could not be read", "not_graded": "were never given"}
            said = words[row["verdict"]]
            yield f"{_share(row)} of the verdicts by {in_code(row['rater'])} {said}."


def _agreement(rows: Rows, look: Look, simulated: bool) -> Iterator[Block | str]:
    sets: dict[tuple[str, str], dict[str, int]] = {}
    for k, row in enumerate(rows):
        sets.setdefault((row["between"], row["sign"]), {})[row["measure"]] = k
    used = [m for m in _MEASURES if any(m in places for places in sets.values())]
    if not sets:
        return
    lines = [
        [
            between,
            sign,
            *[_coefficient(look, places.get(m), m) for m in used],
            look.number("count", places["raw"], "n"),
        ]
        for (between, sign), places in sets.items()
    ]
    heads = ["between", "criteria", *[_NAMES[m] for m in used], "tasks"]
    yield table(heads, lines, simulated=simulated, label="Agreement of graders")
    yield (
        "How far graders agree, one reading of each; in brackets 95 % intervals over tasks. Raw "
        "agreement is high by chance alone where nearly all verdicts are alike; kappa and alpha "
        "take that out, and fall hard there; AC1 does so less. Read them together."
    )


def _differences(rows: Rows, look: Look, simulated: bool) -> Iterator[Block | str]:
    if rows:
        lines = [
            [
                row["a"],
                row["b"],
                look.interval("difference", k, value="difference"),
                look.number("coefficient", k, "correlation", none="–"),
                look.number("count", k, "answers"),
                look.number("count", k, "n"),
            ]
            for k, row in enumerate(rows)
        ]
        heads = ["grader", "against", "difference, points", "correlation", "answers", "tasks"]
        yield table(heads, lines, simulated=simulated, label="Differences between graders")
        yield "By how much the score of the same answers changes with the grader or its protocol."


def _place_and_length(found: Mapping[str, Any]) -> Iterator[str]:
    if found["position"] is not None:
        yield (
            "Asked last instead of first within a request, a criterion goes to the answer's good "
            f"more often by {points_range(found['position'], signed=True)} points of 100."
        )
    if found["length"] is not None and not _within_scale(found["length"]):
        tasks = number(found["length"]["n"], "task")
        yield f"What length is worth cannot be told from {tasks}: the whole scale is open."
    elif found["length"] is not None:
        yield (
            "An answer of twice the length has "
            f"{points_range(found['length'], signed=True)} points more at equal task and recipe "
            f"({number(found['length']['n'], 'task')}): an association, since longer answers may "
            "hold more."
        )


def _within_scale(estimate: Mapping[str, Any]) -> bool:
    """Whether a difference of scores and its limits lie between -100 and 100 points."""
    ends = [estimate[name] for name in ("value", "low", "high") if estimate[name] is not None]
    return all(abs(end) <= 1 for end in ends)


def _padding(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is not None:
        flips = next(row for row in found["flips"] if row["sign"] == "all")
        yield (
            "Neutral text added to the same answers moves the score by "
            f"{points_range(found['score'], signed=True)} points and changes {_share(flips)} of "
            "the verdicts; compare that with the flips between passes."
        )


def _kin(found: Mapping[str, Any]) -> Iterator[str]:
    for grader, recipes in found["kin"].items():
        if recipes:
            yield (
                f"{in_code(grader)} is of the family {escaped(found['families'][grader])}, as is "
                f"a model in {listed([in_code(name) for name in recipes])}: it may favour them."
            )
        else:
            yield f"No model of the family of {in_code(grader)} is in any recipe."
    for row in found["double_differences"]:
        size = points_range({**row, "value": row["difference"]}, signed=True)
        yield (
            f"{in_code(row['a'])} and {in_code(row['b'])} together prefer their own families "
            f"by {size} points (double difference, {number(row['n'], 'task')})."
        )
    moved = [name for name, ranks in found["ranks"].items() if len(set(ranks.values())) > 1]
    if moved:
        each = [
            f"{in_code(name)} " + ", ".join(f"{rank} ({escaped(without)})"
            for without, rank in found["ranks"][name].items())
            for name in moved
        ]  # fmt: skip
        yield f"Ranks that change when the graders of one family are left out: {listed(each, 8)}."
    elif found["ranks"]:
        yield "No rank changes when the graders of any one family are left out."


def _heavy(rows: Rows, look: Look, simulated: bool) -> Iterator[Block | str]:
    if not rows:
        return
    lines = [
        [
            row["task"],
            row["criterion"],
            look.number("plain", k, "weight"),
            look.number("percent", k, "share"),
            (look.number("plain", k, "met"), " of ", look.number("count", k, "answers")),
            look.number("count", k, "readings"),
        ]
        for k, row in enumerate(rows[:_HEAVY_SHOWN])
    ]
    heads = ["task", "criterion", "weight", "of its task", "met", "read"]
    yield table(heads, lines, simulated=simulated, label="Heavy criteria")
    alone = "is" if len(rows) == 1 else "are"
    yield (
        f"{number(len(rows), 'criterion', 'criteria')} {alone} worth more than a quarter of the "
        "task alone; one misread verdict there is a wrong score. Met: in how many answers. Read: "
        f"fewest verdicts on one answer; two or more are advisable.{_rest(rows)}"
    )


def _rest(rows: Rows) -> str:
    return f" Shown are {_HEAVY_SHOWN} of {len(rows)}." if len(rows) > _HEAVY_SHOWN else ""


def _labels(found: Mapping[str, Any], look: Look, simulated: bool) -> Iterator[Block | str]:
    people = f" by {listed([escaped(p) for p in found['people']])}" if found["people"] else ""
    yield f"**Human labels:** {found['given']:,} of {found['drawn']:,} given{people}."
    if not found["given"]:
        return
    rates = look.below("error_rates")
    lines = [
        [
            row["sign"],
            row["measure"],
            rates.interval("percent1", k),
            rates.number("count", k, "labels"),
            rates.number("count", k, "n"),
        ]
        for k, row in enumerate(found["error_rates"])
        if row["value"] is not None
    ]
    if worth := found["committee"]:
        yield (
            f"The {worth['graders']} graders are worth {worth['votes']:.1f} independent votes "
            f"({worth['votes_low']:.1f} to {worth['votes_high']:.1f}): where they depart from "
            f"people their errors correlate with {worth['correlation']:.2f} "
            f"({worth['labels']:,} labels, {worth['n']} tasks)."
        )
    heads = ["criteria", "against people", "value", "labels", "tasks"]
    yield table(heads, lines, simulated=simulated, label="Errors of the grader")
    yield (
        "Sensitivity: met criteria that the grader calls met. Specificity: unmet ones that it "
        "calls unmet. Constant: what saying always the same would reach."
    )
    if found["note"]:
        yield f"Scores are not corrected: {escaped(found['note'])}."
    yield from _corrected(found, look, simulated)


def _corrected(found: Mapping[str, Any], look: Look, simulated: bool) -> Iterator[Block | str]:
    notes = {row["note"] for row in found["scores"] if row["note"]}
    rows = [
        [
            row["recipe"],
            *(_ends(look, "points", "scores", k, name) for name in ("score", "corrected")),
            look.number("count", "scores", k, "labels"),
            look.number("count", "scores", k, "n"),
        ]
        for k, row in enumerate(found["scores"])
        if not row["note"]
    ]
    if rows:
        heads = ["recipe", "score by the grader", "corrected by labels", "labels", "tasks"]
        yield table(heads, rows, simulated=simulated, label="Corrected scores")
        columns = ("difference", "corrected", "favour")
        pairs: list[list[Cell]] = [
            [
                row["a"],
                row["b"],
                *(_ends(look, "difference", "differences", k, name) for name in columns),
            ]
            for k, row in enumerate(found["differences"])
            if not row["note"]
        ]
        heads = ["recipe", "against", "difference by the grader", "corrected", "favour"]
        if pairs:
            yield table(heads, pairs, simulated=simulated, label="Corrected differences")
        yield (
            "Corrected: what people would have given, estimated from the labels (difference "
            "estimator); these intervals hold the grader's error, those beside them do not. "
            "Favour: what the grader gives the first recipe beyond what people would. Intervals "
            "of differences hold for all rows at once."
        )
    if notes:
        yield f"Not corrected: {listed(sorted(map(escaped, notes)), 3)}."


def _share(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "–"
    return with_ends("percent1", row["value"], row["low"], row["high"])


def _coefficient(look: Look, place: int | None, measure: str) -> Cell:
    if place is None:
        return "–"
    return look.interval("percent1" if measure == "raw" else "coefficient", place, none="–")


def _ends(look: Look, kind: str, *path: str | int) -> Cell:
    *row, name = path
    ends = (f"{name}_low", f"{name}_high")
    return look.interval(kind, *row, value=str(name), ends=ends, none="–")
