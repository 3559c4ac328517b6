"""The sections of `report.md` on worth: equal dollars, time limits, what fusion adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.report.words import dollars, escaped, points_range, table
from fusion_eval.stats.caveats import percent
from fusion_eval.stats.drafts import MEANING

_SHOWN = ("mean member", "fused", "oracle", "fused - mean member", "fused - best member")


def worth_parts(summary: Mapping[str, Any]) -> list[str]:
    """Headings, tables and how to read them; nothing where the run cannot say it."""
    parts: list[str] = []
    if summary["matched"]:
        parts += ["## At equal dollars", _equal(summary), _EQUAL]
    if summary["acceptable"]:
        parts += ["## Answers that are good enough", _acceptable(summary), _GOOD]
    if summary["deadlines"]:
        parts += ["## Under a time limit", _deadlines(summary), _LATE]
    fusion = [_headroom(summary), _alike(summary), _drafts(summary), _decomposition(summary)]
    if any(fusion):
        parts += ["## What fusion adds", *[part for part in fusion if part]]
    return parts


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


def _acceptable(summary: Mapping[str, Any]) -> str:
    rows = []
    for row in summary["acceptable"]:
        worst = {"value": row["worst_tenth"], "low": row["worst_low"], "high": row["worst_high"]}
        rows.append(
            [
                escaped(row["recipe"]),
                _in_percent(row, "below", "below_low", "below_high"),
                _per_answer(row),
                "–" if row["usd_with_retry"] is None else dollars(row["usd_with_retry"]),
                _place(row, ""),
                points_range(worst),
                _place(row, "worst_"),
            ]
        )
    limit = 100 * summary["acceptable"][0]["threshold"]
    header = ["recipe", f"below {limit:g} points", "per acceptable answer", "with one retry"]
    header += ["frontier, acceptable", "worst tenth, points", "frontier, worst tenth"]
    return table(header, rows, simulated=summary["simulated"])


def _place(row: Mapping[str, Any], which: str) -> str:
    """`on (80%)`: whether nobody is as good for less, and how likely that is."""
    on = {None: "unknown", True: "on", False: "beaten"}[row[f"{which}on_frontier"]]
    sure = row[f"p_{which}on_frontier"]
    return on if sure is None else f"{on} ({percent(sure, 0)})"


def _in_percent(row: Mapping[str, Any], *names: str) -> str:
    if row[names[0]] is None:
        return "–"
    value, low, high = (percent(row[name], 0) if row[name] is not None else "?" for name in names)
    return f"{value} ({low} to {high})"


def _per_answer(row: Mapping[str, Any]) -> str:
    if row["usd_low"] is None:
        return (
            "unknown" if row["usd_per_acceptable"] is None else dollars(row["usd_per_acceptable"])
        )
    value = "none was" if row["usd_per_acceptable"] is None else dollars(row["usd_per_acceptable"])
    high = "no limit" if row["usd_high"] is None else dollars(row["usd_high"])
    return f"{value} ({dollars(row['usd_low'])} to {high})"


def _equal(summary: Mapping[str, Any]) -> str:
    rows = []
    for row in summary["matched"]:
        note = row["caveat"].removeprefix("SIMULATED").removeprefix("; ")
        estimate = {**row, "value": row["difference"]}
        rows.append([
            escaped(row["recipe"]), dollars(row["cost_usd"]), escaped(row["mix"] or "–"),
            points_range(estimate, signed=True) if row["difference"] is not None else "–",
            row["conclusion"], escaped(note) or "–",
        ])  # fmt: skip
    header = ["recipe", "cost per task", "against", "difference, points", "conclusion", "caveat"]
    return table(header, rows, simulated=summary["simulated"])


def _deadlines(summary: Mapping[str, Any]) -> str:
    rows = []
    for row in summary["deadlines"]:
        until = "no limit" if row["to_s"] is None else f"{row['to_s']:,.3g} s"
        sure = "–" if row["probability"] is None else percent(row["probability"], 0)
        rows.append([f"{row['from_s']:,.3g} s", until, escaped(row["recipe"]), sure])
    return table(["limit from", "to", "take", "sure"], rows, simulated=summary["simulated"])


def _headroom(summary: Mapping[str, Any]) -> str:
    by_recipe: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in summary["headroom"]:
        by_recipe.setdefault(row["recipe"], {})[row["quantity"]] = row
    if not by_recipe:
        return ""
    rows = []
    for recipe, found in by_recipe.items():
        cells = [points_range(found[q], signed=" - " in q) for q in _SHOWN]
        rows.append([escaped(recipe), *cells, _members(found)])
    drawn = table(["recipe", *_SHOWN, "effective members"], rows, simulated=summary["simulated"])
    return (
        f"{drawn}\n\nPoints. Members are the solo recipes that asked the very same calls. The "
        "difference to the best member is cross-fitted, and its interval pays for not knowing "
        "which one is the best. The oracle takes the best of the members' answers by the grading "
        "itself: an upper bound for selecting one of them, and none for writing a new answer. "
        "Effective members: so many without common errors would be worth as much; points that are "
        "hard for everybody count as common. In brackets, as the yardstick: what as many draws of "
        "one of these models would be."
    )


def _members(found: Mapping[str, Mapping[str, Any]]) -> str:
    """`1.6 (1.3)`: effective members, and what as many draws of one of them would be."""
    worth, drawn = found.get("effective members"), found.get("effective draws")
    if not worth:
        return "–"
    yardstick = f" ({drawn['value']:.1f})" if drawn else ""
    return f"{worth['value']:.1f}{yardstick}"


def _alike(summary: Mapping[str, Any]) -> str:
    """A row per pair of members: how often their answers agree, and how far they err together."""
    pairs: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in summary["alike"]:
        pairs.setdefault((row["a"], row["b"]), {})[row["quantity"]] = row
    if not pairs:
        return ""
    rows = [
        [
            escaped(a), "another draw of it" if a == b else escaped(b), _share(found["agreement"]),
            _coefficient(found["error correlation"]), str(found["agreement"]["n"]),
        ]
        for (a, b), found in pairs.items()
    ]  # fmt: skip
    header = ["member", "against", "agree", "errors correlate", "tasks"]
    drawn = table(header, rows, simulated=summary["simulated"])
    return (
        f"{drawn}\n\nAgree: share of criteria that both answers meet or both do not. Errors "
        "correlate: missing the same points. Points that are hard for everybody are in it, so it "
        f"is far above 0 even for models that err independently on each. {_yardstick(rows)}"
    )


def _yardstick(rows: list[list[str]]) -> str:
    if any("another draw" in row[1] for row in rows):
        return (
            "The yardstick is another draw of the same model: what two models correlate less than "
            "that is what their difference brings."
        )
    return (
        "The yardstick, another draw of the same model, needs `--repeats 2` or more; without it "
        "these figures do not say how different the models are."
    )


def _coefficient(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "–"
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})".replace("-", "−")


def _drafts(summary: Mapping[str, Any]) -> str:
    by_recipe: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in summary["drafts"]:
        by_recipe.setdefault(row["recipe"], {})[row["quantity"]] = row
    if not by_recipe:
        return ""
    names = list(MEANING)
    rows = [
        [escaped(recipe), *[_share(found.get(name)) for name in names]]
        for recipe, found in by_recipe.items()
    ]
    drawn = table(["recipe", *names], rows, simulated=summary["simulated"])
    words = "; ".join(f"{name}: {meaning}" for name, meaning in MEANING.items())
    notes = {row["caveat"] for row in summary["drafts"] if row["caveat"]}
    more = f" {'; '.join(sorted(notes))}." if notes else ""
    return f"{drawn}\n\nWhat became of the drafts, by criterion. {words}.{more}"


def _share(row: Mapping[str, Any] | None) -> str:
    """`80% (76–83)`."""
    if row is None or row["value"] is None:
        return "–"
    ends = f" ({100 * row['low']:.0f}–{100 * row['high']:.0f})" if row["low"] is not None else ""
    return f"{percent(row['value'], 0)}{ends}"


def _decomposition(summary: Mapping[str, Any]) -> str:
    triples: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
    for row in summary["decomposition"]:
        key = (row["solo"], row["self_fusion"], row["panel"])
        triples.setdefault(key, {})[row["quantity"]] = row
    lines = []
    for (solo, own, panel), found in triples.items():
        if "synthesis" not in found:
            continue
        cells = {
            q: points_range(found[q], signed=True) for q in ("total", "synthesis", "diversity")
        }
        share = found["share"]
        said = (
            f"; synthesis is {_share(share)} of it"
            if share["value"] is not None
            else "; no share of it can be given"
        )
        lines.append(
            f"- {escaped(panel)} over {escaped(solo)}: {cells['total']} points, of which "
            f"{cells['synthesis']} by fusing drafts of one model ({escaped(own)}), "
            f"{cells['diversity']} by drafts of different models{said}."
        )
    if not lines:
        return ""
    first = "SIMULATED. " if summary["simulated"] else ""
    return f"{first}Synthesis and diversity, by the same writer:\n\n" + "\n".join(lines)
