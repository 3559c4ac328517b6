"""Real products through a tap, against a simulator that you serve; `make products` runs it.

Their code stays outside: start them as their own documents say, with the tap as upstream, and name
them in `FUSION_EVAL_PRODUCTS` (a bench file whose endpoints have `tap`; see docs/external.md).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import fusion_eval as fe
from fusion_eval.bench.configure import configure
from fusion_eval.report.summary import summarize
from fusion_eval.tapping.rows import Log

BENCH = os.environ.get("FUSION_EVAL_PRODUCTS", "")
TASKS = Path(__file__).parents[2] / "tasks" / "mini.yaml"


@pytest.mark.products
@pytest.mark.skipif(not BENCH, reason="no products are served; see docs/external.md")
def test_every_dollar_behind_a_product_is_charged_to_an_answer(tmp_path: Path):
    """A product measured at a part of its price is recommended at a price that nobody will pay."""
    bench = configure(BENCH)
    logs = sorted({Path(endpoint.tap) for endpoint in bench.endpoints if endpoint.tap})
    before = {log: len(Log(log).read()) for log in logs}
    run = fe.run(TASKS, BENCH, limit=3, output_dir=tmp_path / "results")
    trials = fe.trials(run)
    products = trials[trials["strategy"] == "external"]
    counted = sum(row.usd or 0.0 for log in logs for row in Log(log).read()[before[log] :])

    assert logs, "no endpoint of the bench has a tap"
    assert products["failure"].isna().all()
    assert products["tapped_usd"].sum() == pytest.approx(counted, rel=0.01)
    assert products["cost_usd"].sum() == pytest.approx(counted, rel=0.01)
    assert products["fused"].notna().all()
    assert products["models_served"].notna().all()
    summary = summarize(run)
    assert summary["reference"] not in set(products["recipe"])
