"""Bills in whole runs: what a product hides is unknown, and nothing that is priced is replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_kit import MINI, REASONING, bench_file, completion, rows, served, simulator

import fusion_eval as fe
from fusion_eval import report
from fusion_eval.bench.configure import configure
from fusion_eval.errors import InputError

pytestmark = pytest.mark.usefixtures("no_figures")

PRICE = {"input": 5.0, "output": 25.0}
SILENT = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
SPEAKS = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


async def _product(body: bytes, number: int) -> tuple[int, str]:
    """One model says its tokens, the other says zeros."""
    usage = SILENT if json.loads(body)["model"] == "wader/heron" else SPEAKS
    return 200, json.dumps(completion("Answer: 1", usage=usage))


def test_a_product_that_reports_zeros_has_an_unknown_cost_and_is_not_recommended_for_it(
    tmp_path: Path,
):
    """Taken as free, it was the one to take `whatever a point of score is worth`."""
    recipes = {n: {"strategy": "solo", "member": m} for n, m in (("a", "heron"), ("b", "kestrel"))}
    with served(simulator(_product, tasks=REASONING)) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=recipes, price=PRICE, repeats=1)
        run = fe.run(REASONING, bench, limit=10, output_dir=tmp_path / "results")
        (said,) = [f for f in fe.doctor(bench, call=True) if "0 input tokens" in f.text]
    summary = report.summarize(run)
    costs = {row["recipe"]: row["cost_usd"] for row in rows(run, "trials")}

    assert costs == {"a": None, "b": pytest.approx(0.0075)}
    assert {t["tokens_in"] for t in rows(run, "trials") if t["recipe"] == "a"} == {None}
    assert summary["recipes"]["a"]["cost_usd"] is None
    assert summary["recipes"]["a"]["on_frontier"] is not True
    assert {row["recipe"] for row in summary["decisions"]} == {"b"}
    assert (said.about, said.good) == ("heron", None)


def test_what_the_model_of_a_silent_product_may_have_cost_counts_against_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Unknown is never free: a budget that does not shrink is no budget."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    with served(simulator(_product, tasks=REASONING)) as url:
        endpoint = {"base_url": url, "api_key_env": "FAKE_KEY"}
        recipes = {"a": {"strategy": "solo", "member": "heron"}}
        bench = bench_file(tmp_path, endpoint, recipes=recipes, price=PRICE, repeats=1)
        run = fe.run(REASONING, bench, limit=3, budget_usd=1.0, output_dir=tmp_path / "results")

    assert run.manifest["money"]["calls_of_unknown_price"] == 3
    assert run.manifest["money"]["spent_usd"] == 0.0
    assert run.manifest["paid_usd"] >= 3 * 512 * 25e-6


@pytest.mark.parametrize(
    "sent",
    [
        {"model": "other/expensive"}, {"models": ["a", "b"]}, {"messages": []}, {"stream": True},
        {"seed": 1}, {"max_tokens": "100000"}, {"max_tokens": 9}, {"max_completion_tokens": 9},
        {"max_output_tokens": 9}, {"n": 4}, {"best_of": 2}, {"temperature": 2}, {"stop": ["x"]},
        {"response_format": {"type": "text"}}, {"service_tier": 1},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_extra_body_replaces_nothing_that_is_measured_or_priced(tmp_path: Path, sent: Any):
    """Another model, another length or equal draws would be measured under the old name."""
    path = bench_file(tmp_path, {"simulator": "default"})
    content = yaml.safe_load(path.read_text())
    content["models"]["heron"]["extra_body"] = sent
    path.write_text(yaml.safe_dump(content, sort_keys=False))

    with pytest.raises(InputError, match=f"{next(iter(sent))}"):
        configure(path)


def test_extra_body_still_takes_what_only_the_endpoint_knows(tmp_path: Path):
    """Providers, reasoning and tiers have no other door."""
    path = bench_file(tmp_path, {"simulator": "default"})
    content = yaml.safe_load(path.read_text())
    sent = {"provider": {"order": ["x"]}, "reasoning": {"effort": "low"}, "service_tier": "flex"}
    content["models"]["heron"]["extra_body"] = sent
    path.write_text(yaml.safe_dump(content, sort_keys=False))

    assert configure(path).models["heron"].extra_body == sent


def test_a_tier_without_a_price_is_refused_under_a_budget_and_priced_where_one_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Priority is billed at about twice the list price that was planned and reserved."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    endpoint = {"base_url": "https://api.openai.com/v1", "api_key_env": "FAKE_KEY"}
    path = bench_file(tmp_path, endpoint, limits={"budget_usd": 5.0})
    content = yaml.safe_load(path.read_text())
    for entry in content["models"].values():
        entry |= {"id": "gpt-5.1"}
    content["models"]["heron"]["extra_body"] = {"service_tier": "priority"}
    path.write_text(yaml.safe_dump(content, sort_keys=False))

    with pytest.raises(InputError, match=r"heron.*at service tier 'priority' is unknown"):
        fe.run(MINI, path, output_dir=tmp_path / "results")
    (line, *_) = [x for x in fe.plan(MINI, path).lines if x.model == "heron"]
    assert line.expected_usd is line.at_most_usd is None

    content["models"]["heron"]["price"] = {"input": 2.5, "output": 20.0}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    lines = fe.plan(MINI, path).lines
    assert all(x.low_usd <= x.expected_usd <= x.high_usd <= x.at_most_usd for x in lines)
