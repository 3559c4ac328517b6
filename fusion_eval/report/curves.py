"""What the figures of the choice show, in the summary: acceptability and frontier in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusion_eval import stats
from fusion_eval.stats.decision import acceptability
from fusion_eval.stats.frontier import IN_SECONDS

_OF_SECONDS = ("recipe", "strategy", "score", "score_low", "score_high", "n", "on_frontier",
               "p_on_frontier", "status", "dominated_by", *IN_SECONDS.values())  # fmt: skip


def curves(trials: pd.DataFrame, level: float, seed: int) -> dict[str, Any]:
    """`acceptability` (values of a point in US$, the recipe to choose at each, and for every recipe
    its probabilities there) and `frontier_seconds` (rows of `stats.pareto` by `latency_s`)."""
    table = acceptability(trials, level=level, seed=seed)
    seconds = stats.pareto(trials, level, seed, by="latency_s")
    known = bool(seconds["seconds"].notna().any())
    return {
        "acceptability": {
            "values": table["value"].drop_duplicates().tolist(),
            "chosen": table.loc[table["chosen"], "recipe"].tolist(),
            "recipes": {
                str(name): rows["probability"].tolist()
                for name, rows in table.groupby("recipe", sort=False)
            },
        },
        "frontier_seconds": seconds[list(_OF_SECONDS)].to_dict("records") if known else [],
    }


def acceptability_rows(summary: Mapping[str, Any]) -> pd.DataFrame:
    """The table that `plots.acceptability` draws, from the summary."""
    found = summary["acceptability"]
    tasks = {name: row["score"]["n"] if row["score"] else 0
             for name, row in summary["recipes"].items()}  # fmt: skip
    rows = [
        {
            "value": value, "recipe": name, "net_benefit": None, "n": tasks[name],
            "probability": share, "chosen": found["chosen"][k : k + 1] == [name],
        }
        for name, shares in found["recipes"].items()
        for k, (value, share) in enumerate(zip(found["values"], shares, strict=True))
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["value", "recipe", "net_benefit", "n", "probability",
                                        "chosen"])  # fmt: skip
    table["probability"] = table["probability"].astype(float)
    table.attrs |= {"simulated": summary["simulated"], "recipes": list(summary["recipes"])}
    return table


def seconds_rows(summary: Mapping[str, Any]) -> pd.DataFrame:
    """The table that `plots.pareto` draws against seconds, from the summary."""
    table = pd.DataFrame(summary["frontier_seconds"], columns=list(_OF_SECONDS))
    numbers = ["score", "score_low", "score_high", "seconds", "seconds_low", "seconds_high"]
    table[numbers] = table[numbers].astype(float)
    table.attrs |= {
        "simulated": summary["simulated"],
        "by": "latency_s",
        "recipes": list(summary["recipes"]),
    }
    return table
