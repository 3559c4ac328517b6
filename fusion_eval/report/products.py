"""Products measured from outside: did fusion run, who took part, and whose word is the bill."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion_eval import stats
from fusion_eval.frames import per_task
from fusion_eval.report.words import dollars, listed, number, plain, points
from fusion_eval.stats.latency import of_one_source

EXTERNAL = "external"
_TOLERATED = 0.01
"""Share of a cost that may be rounding; above it a difference is a line on the first screen."""

_SELF = "its cost is what it says of itself"
_TAP = "`fusion-eval tap` counts what stands behind a self-hosted product"

_ODD = ("not declared", "leaves out", "meanwhile")
"""Words of the notes on an answer that belong on the first screen."""

Product = dict[str, Any]
Finding = dict[str, Any]


def products(trials: pd.DataFrame, level: float) -> dict[str, Product]:
    """For each recipe that a product answered: whether fusion ran, scores either way, and bills.

    `as_deployed` (intention to treat) is over all trials, a failed answer counting 0; `as_fused`
    (per protocol) over those of which the product says that fusion ran. Of dollars the sums over
    the trials that have both sides stand in `billed`; None where there are none.
    """
    if "fused" not in trials:
        return {}
    rows = trials[trials["strategy"].astype(str) == EXTERNAL]
    return {str(name): _product(of, level) for name, of in rows.groupby("recipe", sort=False)}


def _product(rows: pd.DataFrame, level: float) -> Product:
    said = rows["fused"].notna().to_numpy()
    fused = said & (rows["fused"].astype("string").fillna("") == "True").to_numpy()
    served = rows["models_served"].dropna().astype(str)
    notes = rows["fusion_note"].dropna().astype(str).str.split("; ").explode()
    tapped, told = rows["tapped_usd"].astype(float), rows["told_usd"].astype(float)
    return {
        "trials": len(rows),
        "fused": int(fused.sum()),
        "not_fused": int((said & ~fused).sum()),
        "unsaid": int((~said).sum()),
        "as_deployed": _score(rows, level),
        "as_fused": _score(rows[fused], level),
        "models": sorted({one for text in served for one in text.split(" + ")}),
        "notes": {str(k): int(v) for k, v in notes.value_counts().items()},
        "tapped": bool(tapped.notna().any()),
        "tapped_calls": float(rows["tapped_calls"].astype(float).sum()),
        "cost_unknown": int(rows["cost_usd"].isna().sum()),
        "billed": {
            "told_against_tapped": _both(told, tapped),
            "told_against_its_parts": _both(told, rows["told_parts_usd"].astype(float)),
        },
    }


def _score(rows: pd.DataFrame, level: float) -> dict[str, Any] | None:
    scored = rows[rows["score"].notna() | rows["failure"].notna()]
    if not len(scored) or scored["score"].isna().all():
        return None
    estimate = stats.mean_score(per_task(scored)[str(rows["recipe"].iloc[0])].dropna(), level)
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high,
            "level": level, "n": estimate.n, "method": estimate.method}  # fmt: skip


def _both(one: pd.Series, other: pd.Series) -> list[float] | None:
    """Sums over the trials that have both; None where none has."""
    known = one.notna() & other.notna()
    return [float(one[known].sum()), float(other[known].sum())] if known.any() else None


def product_findings(found: dict[str, Product]) -> list[Finding]:
    """What a reader has to know of products before any conclusion."""
    lines = []
    for name, product in found.items():
        lines += [
            {"kind": kind, "text": f"{plain(name)}: {text}", "recipes": [name]}
            for kind, text in _told(product)
        ]
    return lines


def _told(product: Product) -> list[tuple[str, str]]:
    lines = [("invocation", _invocation(product))]
    pair = product["billed"]["told_against_tapped"]
    if pair and (line := _differs(pair[0], pair[1], "it bills itself", "the tap counted")):
        lines.append(("unexplained cost", line))
    pair = product["billed"]["told_against_its_parts"]
    if pair and (line := _differs(pair[0], pair[1], "its total is", "its own parts add up to")):
        lines.append(("unexplained cost", line))
    if not product["tapped"]:
        unknown = product["cost_unknown"] == product["trials"]
        said = "it does not say what it costs, so that is unknown" if unknown else _SELF
        lines.append(("unknown cost" if unknown else "self-reported cost", f"{said}; {_TAP}"))
    odd = {k: v for k, v in product["notes"].items() if any(word in k for word in _ODD)}
    lines += [("served", f"{text} ({number(count, 'answer')})") for text, count in odd.items()]
    return lines


def _invocation(product: Product) -> str:
    ran = f"fusion ran in {product['fused']} of {number(product['trials'], 'answer')}"
    if product["unsaid"]:
        ran += f", and {product['unsaid']} do not say whether it did"
    whole, part = product["as_deployed"], product["as_fused"]
    if product["not_fused"] and whole and part:
        ran += (
            f"; over all of them it scores {points(whole['value'])} (intention to treat), over "
            f"those {points(part['value'])} (per protocol, {number(part['n'], 'task')}; chosen by "
            "what the product did, so no fair comparison)"
        )
    return ran


def _differs(told: float, other: float, says: str, counted: str) -> str:
    """The line of a difference; empty where it may be rounding."""
    if abs(told - other) <= _TOLERATED * max(told, other):
        return ""
    share = abs(other - told) / max(told, other)
    more = "less" if told < other else "more"
    return f"{says} {dollars(told)} and {counted} {dollars(other)}, {share:.0%} {more}; unexplained"


def apart(trials: pd.DataFrame, recipes: dict[str, dict[str, Any]]) -> list[Finding]:
    """Take seconds of another clock out of the table; what they are is a finding of its own.

    Seconds that were measured and seconds of a simulator are different quantities. `latency_s` of
    such a recipe becomes None, as `first_token_s` does, and what it was stands in
    `latency_apart_s`.
    """
    _, left_out = of_one_source(trials)
    said = []
    for name in left_out:
        recipe = recipes.get(name)
        if recipe is None or recipe["latency_s"] is None:
            continue
        recipe["latency_apart_s"], recipe["latency_s"] = recipe["latency_s"], None
        recipe["first_token_s"] = None
        source = recipe["latency_apart_s"]["source"] or "of another source"
        said.append(f"{plain(name)} {recipe['latency_apart_s']['value']:.3g} s ({source})")
    if not said:
        return []
    text = (
        "seconds of a simulator, measured and imported ones are different quantities; not in the "
        f"table and in no recommendation: {listed(said, 5)}"
    )
    return [{"kind": "latency", "text": text, "recipes": list(left_out)}]
