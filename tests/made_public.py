"""What the public runs of fusion on DRACO say, computed from their verdicts."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from functools import cache
from itertools import pairwise

import numpy as np
from made_rubrics import SHARED, draco_rows

PUBLIC = SHARED / "trustedrouter"
ONE_PANEL = (  # the same five answers, written by seven models
    "fusion_frontier_dsv4",
    "fusion_frontier_gemma4",
    "fusion_frontier_kimi",
    "fusion_frontier_minimaxm3",
    "fusion_sota5_glmfuser",
    "fusion_sota5_gpt55",
    "fusion_sota5_opus",
)
OTHER_PANELS = (
    "fusion_openweights_m3",
    "fusion_m3_x10_selffusion",
    "fusion_client_budget_opus",
    "fusion_opus_selffusion",
    "fusion_frontier_minimaxm3",
)
SELF = {
    2: "fusion_m3_selffusion",
    **{n: f"fusion_m3_x{n}" for n in range(3, 10)},
    10: "fusion_m3_x10_selffusion",
}


@cache
def public_scores() -> dict[str, dict[str, float]]:
    """Score in points by system and task, from the public verdicts."""
    weights = {(r["task_id"], r["criterion_id"]): float(r["weight"]) for r in draco_rows()}
    positive: dict[str, float] = defaultdict(float)
    for (task, _), weight in weights.items():
        positive[task] += max(0.0, weight)
    raw: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for system, task, criterion, met in public_verdicts():
        raw[system][task] += weights[task, criterion] * met
    return {
        system: {task: 100 * min(1.0, max(0.0, v / positive[task])) for task, v in tasks.items()}
        for system, tasks in raw.items()
    }


@cache
def public_verdicts() -> list[tuple[str, str, str, int]]:
    """(system, task, criterion, met)."""
    with gzip.open(PUBLIC / "verdicts.csv.gz", "rt", encoding="utf-8") as file:
        return [
            (r["system"], r["task_id"], r["criterion_id"], int(r["verdict"]))
            for r in csv.DictReader(file)
        ]


def public_paired(a: str, b: str) -> float:
    """SD over common tasks of the difference of two systems."""
    one, two = public_scores()[a], public_scores()[b]
    return float(np.std([one[t] - two[t] for t in one.keys() & two.keys()], ddof=1))


def public_flips() -> list[float]:
    """Share of verdicts that differ between self-fusions of n and n + 1 runs, and two of two."""
    by_system: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for system, task, criterion, met in public_verdicts():
        by_system[system][task, criterion] = met
    pairs = [*pairwise(SELF.values()), (SELF[2], "fusion_m3_selffusion_hi")]
    found = []
    for a, b in pairs:
        one, two = by_system[a], by_system[b]
        found.append(float(np.mean([one[k] != two[k] for k in one.keys() & two.keys()])))
    return found


def public_transfer() -> list[float]:
    """P(right point in the fused answer | k of 5 members made it)."""
    with (PUBLIC / "fusion_transfer_open_panel.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (r["sign"], r["members_graded"]) == ("pos", "5")]
    return [float(r["p_fused_met"]) for r in sorted(rows, key=lambda r: int(r["members_met"]))]
