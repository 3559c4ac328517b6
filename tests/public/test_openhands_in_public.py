"""Public results with dollars: pages hold to their statistics, and statistics to the rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import made_openhands as openhands
import made_openrouter_fusion as fusion
import numpy as np
import pandas as pd
import pytest
import write_openhands_public as page

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_rows = pytest.mark.skipif(
    not (DATA / "openhands" / "instances.parquet").exists(),
    reason="the public rows carry no licence and are not part of the repository",
)


@pytest.mark.parametrize("name", page.PAGES)
def test_every_character_of_the_page_follows_from_the_committed_statistics(name):
    """A digit changed by hand would be quoted for years."""
    written = (page.draco_page.DOCS / page.PAGES[name][2]).read_text(encoding="utf-8")

    assert written == page.document(name), "run: python tests/write_openhands_public.py"
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", written):
        assert (page.draco_page.DOCS / picture).stat().st_size < 130_000


@pytest.mark.parametrize("name", page.PAGES)
def test_a_changed_statistic_changes_the_page(name, tmp_path, monkeypatch):
    """A number that the page does not take from its file could be anything."""
    statistics = page.committed(name)
    other = json.dumps(_moved(statistics))
    monkeypatch.setattr(page, "STATISTICS", tmp_path)
    for each in page.PAGES:
        (tmp_path / f"{each}.json").write_text(other if each == name else json.dumps(statistics))
    if name != "openhands":
        (tmp_path / "openhands.json").write_text(
            (page.ROOT / "results" / "openhands-public" / "openhands.json").read_text()
        )

    assert page.document(name) != (page.draco_page.DOCS / page.PAGES[name][2]).read_text()


def test_the_first_page_shows_the_real_data_with_the_numbers_of_the_page():
    """The caption of the first picture is all that most people ever read."""
    text = " ".join((page.ROOT / "README.md").read_text(encoding="utf-8").split())
    s = page.committed("openhands")

    assert text.index("](docs/openhands-frontier.png)") == text.index("](docs/")
    pairs = s["pairs"]
    assert f"{pairs['family_flips']} of {pairs['pairs']} pairs of models can be told apart" in text
    assert f"dollars per task of {len(page.frontier_table(s))} models" in text
    assert f"{len(s['systems'])} models on {pairs['n']} SWE-bench tasks" in text
    assert f"{100 * s['cascades']['lead']:.0f} points separate the first from the second" in text
    assert s["zeros"]["gained"], "a system that only unrecorded costs put on the frontier"
    on = sorted(row["model"] for row in s["systems"] if row["on_frontier"])
    assert len(on) == 4, "the caption of the picture says three and the cheapest"


def _moved(value):
    """The same document with all floats a little larger."""
    if isinstance(value, dict):
        return {k: _moved(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v) for v in value]
    return value * 1.07 if isinstance(value, float) else value


def test_differing_names_the_statistic_that_does_not_come_out():
    """`make reproduce` that fails without a place would be switched off."""
    expected = {"a": {"n": 5, "rows": [{"x": 0.25}, {"x": None}]}}

    assert openhands.differing(expected, {"a": {"n": 5, "rows": [{"x": 0.25}, {"x": None}]}}) == []
    assert openhands.differing(expected, {"a": {"n": 6, "rows": [{"x": 0.25}, {"x": 0.1}]}}) == [
        "/a/n", "/a/rows/1/x",
    ]  # fmt: skip
    assert openhands.differing(expected, {"a": {"n": 5}}) == ["/a/rows"]


def test_a_cascade_pays_for_the_second_model_only_where_the_first_failed():
    """The whole saving that the page tells of is in this sum."""
    score = pd.DataFrame({"cheap": [1.0, 0.0, 0.0], "good": [1.0, 1.0, 0.0]})
    cost = pd.DataFrame({"cheap": [0.1, 0.1, 0.1], "good": [1.0, 2.0, 3.0]})

    chains = openhands.all_cascades(score, cost)

    assert chains.names == [("cheap", "good")]
    assert chains.solved.tolist() == [[1.0, 1.0, 0.0]]
    assert chains.dollars.tolist() == [pytest.approx([0.1, 2.1, 3.1])]


def test_mcnemar_is_the_binomial_test_on_tasks_that_only_one_solved():
    """5 against 0 is p = 1/16, however many tasks both solved."""
    a, b = pd.Series([1] * 10 + [1] * 5), pd.Series([1] * 10 + [0] * 5)

    assert openhands.mcnemar(a, b) == pytest.approx(2 / 2**5)
    assert openhands.mcnemar(a, a) == 1.0


@needs_rows
def test_ten_numbers_of_the_page_come_out_of_plain_pandas():
    """The page is believed because anybody can do this."""
    rows = pd.read_parquet(DATA / "openhands" / "instances.parquet")
    s = page.committed("openhands")
    swe = rows[(rows["bench"] == "swe-bench") & (rows["agent"] == "openhands")]
    score = swe.pivot(index="task", columns="model", values="resolved").fillna(0)
    cost = swe.pivot(index="task", columns="model", values="cost")
    fable, opus = score["claude-fable-5"], score["claude-opus-4-8"]

    assert (len(rows), (rows["cost"] == 0).sum()) == (
        s["source"]["rows"],
        s["source"]["zero_costs"],
    )
    assert s["systems"][0]["score"] == pytest.approx(fable.mean(), abs=1e-6)
    assert s["systems"][0]["cost"] == pytest.approx(cost["claude-fable-5"].mean(), abs=1e-6)
    assert s["pairs"]["top"]["difference"] == pytest.approx((fable - opus).mean(), abs=1e-6)
    phi = np.corrcoef(score.to_numpy(), rowvar=False)[np.triu_indices(34, 1)]
    assert s["errors"]["correlation"] == pytest.approx(phi.mean(), abs=1e-6)
    assert s["errors"]["all_fail"] == (score.sum(axis=1) == 0).sum()
    assert s["zeros"]["glm"]["zero"] == (cost["GLM-5"] == 0).sum()
    best = s["cascades"]["same_rows"]
    solved, paid = pd.Series(0.0, score.index), pd.Series(0.0, score.index)
    for model in best["models"]:
        paid += (1 - solved) * cost[model]
        solved = np.maximum(solved, score[model])
    assert (best["score"], best["cost"]) == pytest.approx((solved.mean(), paid.mean()), abs=1e-6)
    assert s["pairs"]["pairs"] == 34 * 33 // 2


@needs_rows
def test_the_ratios_of_openrouter_fusion_come_out_of_the_calls():
    """The statistics of the smaller page, computed whole."""
    computed = fusion.statistics(DATA / "openrouter-fusion")

    assert openhands.differing(page.committed("openrouter-fusion"), computed) == []
