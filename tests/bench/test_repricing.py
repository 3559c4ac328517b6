"""The same run at other prices: no call, no token changed, and the original left alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_kit import MINI, bench_file, rows, served, simulator

import fusion_eval as fe
from fusion_eval import store
from fusion_eval.cli import main
from fusion_eval.core import Price
from fusion_eval.errors import InputError

SIM = {"simulator": "default"}
DEAR = Price(input=100.0, output=1000.0, source="prices file")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return fe.run(MINI, bench_file(tmp_path, SIM), limit=2, output_dir=tmp_path / "results")


def test_tokens_at_another_price_are_other_dollars_and_the_run_stays_as_it_was(run: Any):
    """A price that was wrong in the bench file must not cost a second run."""
    before = rows(run, "calls")
    dear = fe.reprice(run, {"heron": DEAR, "strix/owl": DEAR})

    assert rows(run, "calls") == before
    for old, new in zip(before, rows(dear, "calls"), strict=True):
        if old["model"] == "kestrel":
            assert new == old
            continue
        out = old["tokens_output"] + old["tokens_reasoning"]
        hand = old["tokens_input"] * 100e-6 + out * 1000e-6
        assert new["cost_usd"] == pytest.approx(hand, abs=1e-12)
        assert (new["rate_input"], new["rate_output"]) == (100.0, 1000.0)
        assert new["cost_source"] == "prices file"
        assert new["spent_usd"] == old["spent_usd"]  # the provider billed it
    for trial in rows(dear, "trials"):
        mine = [
            c["cost_usd"]
            for c in rows(dear, "calls")
            if (c["task"], c["recipe"], c["repeat"])
            == (trial["task"], trial["recipe"], trial["repeat"])
        ]
        assert trial["cost_usd"] + trial["grading_usd"] == pytest.approx(sum(mine), abs=1e-9)
    same = {"score", "answer_hash", "latency_s", "tokens_in", "tokens_out", "failure"}
    old_trials, new_trials = (rows(r, "trials") for r in (run, dear))
    assert [{k: t[k] for k in same} for t in old_trials] == [
        {k: t[k] for k in same} for t in new_trials
    ]


def test_an_unknown_price_becomes_known_and_so_does_what_was_spent(tmp_path: Path, monkeypatch):
    """The commonest reason: nobody knew the price when the run was made."""
    monkeypatch.setattr("fusion_eval.engine.replies.usage.cost_of", lambda *_: None)
    with served(simulator()) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        run = fe.run(MINI, bench, limit=1, repeats=1, output_dir=tmp_path / "results")
    known = fe.reprice(run, dict.fromkeys(("heron", "kestrel", "referee"), DEAR))

    assert {t["cost_usd"] for t in rows(run, "trials")} == {None}
    assert all(t["cost_usd"] > 0 for t in rows(known, "trials"))
    made = [c for c in rows(known, "calls") if not c["cached"]]
    spent = sum(t["spent_usd"] + t["grading_spent_usd"] for t in rows(known, "trials"))
    assert spent == pytest.approx(sum(c["cost_usd"] for c in made))


def test_a_repriced_run_says_so_and_is_never_gone_on_with(run: Any, tmp_path: Path):
    """Taken for the original, it would be finished with prices that nobody was billed."""
    dear = fe.reprice(run, {"heron": DEAR})
    again = fe.run(MINI, tmp_path / "bench.yaml", limit=2, output_dir=tmp_path / "results")

    assert dear.manifest["repriced_from"] == run.id
    assert dear.manifest["prices"]["heron"]["input"] == 100.0
    assert dear.manifest["prices_hash"] != run.manifest["prices_hash"]
    assert again.id not in (run.id, dear.id)
    assert fe.reprice(run, {"heron": DEAR}).id == dear.id
    assert store.read_run(dear.path).id == dear.id


def test_a_price_for_a_model_that_is_not_there_is_refused(run: Any, write):
    """A typo would leave the old dollars standing, under a heading of new prices."""
    with pytest.raises(InputError, match="no model herron; the run has"):
        fe.reprice(run, {"herron": DEAR})
    wrong = write("wrong.yaml", "prices:\n  heron: {input: 1, outptu: 2}\n")
    with pytest.raises(InputError, match=r"wrong.yaml:2"):
        fe.reprice(run, wrong)


def test_the_command_line_reports_at_other_prices(run: Any, write, capsys, monkeypatch):
    """One door: `report --prices`."""
    prices = write("prices.yaml", "prices:\n  heron: {input: 100, output: 1000}\n")
    monkeypatch.setattr(
        sys, "argv", ["fusion-eval", "report", str(run.path), "--prices", str(prices), "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    summary = json.loads(capsys.readouterr().out)

    assert ended.value.code == 0
    assert summary["run_id"].startswith(f"{run.id}-at-")
    assert summary["money"]["by_model"]["heron"]["cost_usd"] > 0.01
