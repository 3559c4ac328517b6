"""The audit of tools: what each recipe's members called, and what the guard withheld from them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fusion_eval.frames import calls as calls_of
from fusion_eval.store import Run

COLUMNS = ("recipe", "tool_calls", "failed", "host", "rubric", "tool_usd", "hosts", "criteria")


def leaks(run: Run | str | Path | pd.DataFrame) -> pd.DataFrame:
    """What the tools of each recipe brought: one row per recipe that called any.

    Parameters
    ----------
    run : a run, its folder, or its table of calls

    Returns
    -------
    DataFrame, columns `COLUMNS`: calls of tools, how many of them failed, how many results had a
    passage withheld for a `host` of benchmarks or a fragment of the `rubric`, the US$ that they are
    charged, and which hosts and criteria. Shared calls count for each recipe that used them.
    """
    calls = run if isinstance(run, pd.DataFrame) else calls_of(run)
    made = calls[calls["purpose"] == "tool"]
    told = made["leaks"] if "leaks" in made else pd.Series("", index=made.index)
    found = told.fillna("").astype(str)
    rows = []
    for recipe, some in made.groupby(made["recipe"].astype(str), sort=False):
        each = found[some.index]
        named = sorted({one for text in each for one in text.split("; ") if one})
        rows.append({
            "recipe": recipe,
            "tool_calls": len(some),
            "failed": int(some["failure"].notna().sum()),
            "host": int(each.str.contains("host ", regex=False).sum()),
            "rubric": int(each.str.contains("rubric ", regex=False).sum()),
            "tool_usd": float(some["cost_usd"].sum(skipna=False)),
            "hosts": ", ".join(n[5:] for n in named if n.startswith("host ")),
            "criteria": ", ".join(n[7:] for n in named if n.startswith("rubric ")),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
