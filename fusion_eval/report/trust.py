"""The section "Can the grader be trusted?" of a report, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion_eval.report.words import (
    escaped,
    in_code,
    listed,
    number,
    points,
    points_range,
    table,
)
from fusion_eval.stats.caveats import percent

TITLE = "## Can the grader be trusted?"
_HEAVY_SHOWN = 8
_MEASURES = ("raw", "cohen", "fleiss", "alpha", "ac1")
_NAMES = {
    "raw": "agree", "cohen": "Cohen's kappa", "fleiss": "Fleiss' kappa",
    "alpha": "Krippendorff's alpha", "ac1": "Gwet's AC1",
}  # fmt: skip
Rows = Sequence[Mapping[str, Any]]


def trust(found: Mapping[str, Any]) -> Iterator[str]:
    """Paragraphs and tables from the content of `grader_report`; nothing where nobody graded."""
    if not found["graders"]:
        return
    simulated = bool(found["simulated"])
    yield TITLE
    yield " ".join([_who(found["graders"]), *_flips(found["flips"]), *_unread(found["unread"])])
    yield from _agreement(found["agreement"], simulated)
    yield from _differences(found["differences"], simulated)
    effects = [*_place_and_length(found), *_padding(found["padding"])]
    yield " ".join([*effects, *_kin(found["self_preference"])])
    yield from _heavy(found["heavy"], simulated)
    if found["labels"] is not None:
        yield from _labels(found["labels"], simulated)
    if found["missing"]:
        lines = [f"- {row['what']} ({escaped(row['how'])})" for row in found["missing"]]
        yield "\n".join(["What this run cannot say, and how to get it:", "", *lines])


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


def _agreement(rows: Rows, simulated: bool) -> Iterator[str]:
    sets: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        sets.setdefault((row["between"], row["sign"]), {})[row["measure"]] = row
    used = [m for m in _MEASURES if any(m in each for each in sets.values())]
    if not sets:
        return
    lines = [
        [escaped(between), sign, *[_coefficient(each.get(m)) for m in used], str(each["raw"]["n"])]
        for (between, sign), each in sets.items()
    ]
    header = ["between", "criteria", *[_NAMES[m] for m in used], "tasks"]
    yield table(header, lines, simulated=simulated)
    yield (
        "How far graders agree, one reading of each; in brackets 95 % intervals over tasks. Raw "
        "agreement is high by chance alone where nearly all verdicts are alike; kappa and alpha "
        "take that out, and fall hard there; AC1 does so less. Read them together."
    )


def _differences(rows: Rows, simulated: bool) -> Iterator[str]:
    if rows:
        lines = [
            [
                escaped(row["a"]), escaped(row["b"]),
                points_range({**row, "value": row["difference"]}, signed=True),
                "–" if row["correlation"] is None else f"{row['correlation']:.2f}",
                str(row["answers"]), str(row["n"]),
            ]
            for row in rows
        ]  # fmt: skip
        header = ["grader", "against", "difference, points", "correlation", "answers", "tasks"]
        yield table(header, lines, simulated=simulated)
        yield "By how much the score of the same answers changes with the grader or its protocol."


def _place_and_length(found: Mapping[str, Any]) -> Iterator[str]:
    if found["position"] is not None:
        yield (
            "Asked last instead of first within a request, a criterion goes to the answer's good "
            f"more often by {points_range(found['position'], signed=True)} points of 100."
        )
    if found["length"] is not None:
        yield (
            "An answer of twice the length has "
            f"{points_range(found['length'], signed=True)} points more at equal task and recipe "
            f"({number(found['length']['n'], 'task')}): an association, since longer answers may "
            "hold more."
        )


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


def _heavy(rows: Rows, simulated: bool) -> Iterator[str]:
    if not rows:
        return
    lines = [
        [
            escaped(row["task"]), escaped(row["criterion"]), f"{row['weight']:g}",
            percent(row["share"], 0), f"{row['met']:g} of {row['answers']}", str(row["readings"]),
        ]
        for row in rows[:_HEAVY_SHOWN]
    ]  # fmt: skip
    header = ["task", "criterion", "weight", "of its task", "met", "read"]
    yield table(header, lines, simulated=simulated)
    alone = "is" if len(rows) == 1 else "are"
    yield (
        f"{number(len(rows), 'criterion', 'criteria')} {alone} worth more than a quarter of the "
        "task alone; one misread verdict there is a wrong score. Met: in how many answers. Read: "
        f"fewest verdicts on one answer; two or more are advisable.{_rest(rows)}"
    )


def _rest(rows: Rows) -> str:
    return f" Shown are {_HEAVY_SHOWN} of {len(rows)}." if len(rows) > _HEAVY_SHOWN else ""


def _labels(found: Mapping[str, Any], simulated: bool) -> Iterator[str]:
    people = f" by {listed([escaped(p) for p in found['people']])}" if found["people"] else ""
    yield f"**Human labels:** {found['given']:,} of {found['drawn']:,} given{people}."
    if not found["given"]:
        return
    lines = [
        [row["sign"], row["measure"], _share(row), str(row["labels"]), str(row["n"])]
        for row in found["error_rates"]
        if row["value"] is not None
    ]
    if worth := found["committee"]:
        yield (
            f"The {worth['graders']} graders are worth {worth['votes']:.1f} independent votes "
            f"({worth['votes_low']:.1f} to {worth['votes_high']:.1f}): where they depart from "
            f"people their errors correlate with {worth['correlation']:.2f} "
            f"({worth['labels']:,} labels, {worth['n']} tasks)."
        )
    header = ["criteria", "against people", "value", "labels", "tasks"]
    yield table(header, lines, simulated=simulated)
    yield (
        "Sensitivity: met criteria that the grader calls met. Specificity: unmet ones that it "
        "calls unmet. Constant: what saying always the same would reach."
    )
    if found["note"]:
        yield f"Scores are not corrected: {escaped(found['note'])}."
    yield from _corrected(found, simulated)


def _corrected(found: Mapping[str, Any], simulated: bool) -> Iterator[str]:
    notes = {row["note"] for row in found["scores"] if row["note"]}
    rows = [row for row in found["scores"] if not row["note"]]
    if rows:
        lines = [
            [
                escaped(r["recipe"]), _ends(r, "score"), _ends(r, "corrected"),
                str(r["labels"]), str(r["n"]),
            ]
            for r in rows
        ]  # fmt: skip
        header = ["recipe", "score by the grader", "corrected by labels", "labels", "tasks"]
        yield table(header, lines, simulated=simulated)
        lines = [
            [
                escaped(r["a"]), escaped(r["b"]), _ends(r, "difference", True),
                _ends(r, "corrected", True), _ends(r, "favour", True),
            ]
            for r in found["differences"] if not r["note"]
        ]  # fmt: skip
        header = ["recipe", "against", "difference by the grader", "corrected", "favour"]
        yield table(header, lines, simulated=simulated) if lines else ""
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
    return f"{percent(row['value'])} ({percent(row['low'])} to {percent(row['high'])})"


def _coefficient(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    if row["measure"] == "raw":
        return _share(row)
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})".replace("-", "−")


def _ends(row: Mapping[str, Any], name: str, signed: bool = False) -> str:
    if row[name] is None:
        return "–"
    low, high = (points(row[f"{name}_{end}"], signed) for end in ("low", "high"))
    return f"{points(row[name], signed)} ({low} to {high})"
