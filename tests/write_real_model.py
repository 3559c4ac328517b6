"""Writes docs/real-model.md: `python tests/write_real_model.py [RUN]`.

With a run of `make bench-real` its numbers (no texts) are first kept in results/real-model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import write_draco_public as draco_page

import fusion_eval as fe

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "results" / "real-model"
PAGE = draco_page.DOCS / "real-model.md"
COLUMNS = [
    "task", "task_hash", "domain", "recipe", "strategy", "repeat", "score", "failure", "degraded",
    "cost_usd", "spent_usd", "latency_s", "latency_source", "calls", "tokens_in", "tokens_out",
    "finish",
]  # fmt: skip


def keep(folder: Path) -> None:
    """Numbers and ids of a run: trials.csv, and in run.json what the page says of the whole."""
    run = fe.read_run(folder)
    calls = fe.calls(run)
    fe.trials(run)[COLUMNS].to_csv(KEPT / "trials.csv", index=False)
    once = calls.drop_duplicates(["key", "draw"])
    roles = calls.groupby("role")["finish"].agg(["size", lambda f: int((f == "length").sum())])
    manifest = run.manifest
    document = {
        "simulated": bool(manifest["simulated"]),
        "started": str(manifest["started"])[:10],
        "charged": len(calls), "made": int(manifest["calls"]["made"]),
        "models": sorted(once["model_served"].dropna().unique()),
        "tokens_in": int(once["tokens_input"].sum() + once["tokens_cache_read"].sum()),
        "tokens_out": int(once["tokens_output"].sum()),
        "latency_s": float(once["latency_s"].sum()),
        "roles": {role: {"calls": int(n), "cut": int(cut)} for role, (n, cut) in roles.iterrows()},
    }  # fmt: skip
    (KEPT / "run.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def trials() -> pd.DataFrame:
    """The kept trials, as `fe.*` takes them."""
    return pd.read_csv(KEPT / "trials.csv", dtype={"degraded": "string", "failure": "string"})


def document() -> str:
    """The page as it has to be."""
    run: dict[str, Any] = json.loads((KEPT / "run.json").read_text("utf-8"))
    rows = trials()
    degraded = rows.assign(degraded=rows["degraded"].fillna("") != "")
    by = degraded.groupby("recipe")
    counts = by.agg(
        calls=("calls", "mean"), degraded=("degraded", "sum"), trials=("score", "size"),
        latency=("latency_s", "median"), cost=("cost_usd", "mean"),
        cut=("finish", lambda f: int((f == "length").sum())),
    )  # fmt: skip
    template = draco_page.environment().get_template("real_model.md.jinja")
    return template.render(
        run=run, counts=counts, table=draco_page.table,
        scores=fe.scores(rows).set_index("recipe").sort_values("score", ascending=False),
        pairs=fe.compare(rows, reference="solo"),
        domains=by_domain(rows), tasks=rows["task"].nunique(),
    )  # fmt: skip


def by_domain(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of right answers by domain and recipe: described, not tested."""
    return rows.fillna({"score": 0.0}).pivot_table(
        index="domain", columns="recipe", values="score", aggfunc="mean"
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        keep(Path(sys.argv[1]))
    PAGE.write_text(document(), encoding="utf-8")
