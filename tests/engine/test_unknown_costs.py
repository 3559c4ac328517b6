"""Unknown costs lie between bounds, and only what the bounds leave open is left open."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fusion_eval as fe
from fusion_eval.importing import read_trials
from fusion_eval.stats.cost import bounds

PUBLIC = Path("../shared/data/openhands/instances.parquet")
RECIPES = {"cheap": (0.45, 0.01), "middle": (0.60, 0.03), "waste": (0.40, 0.10), "best": (0.8, 0.2)}


def made(n=60, seed=0, **recipes):
    """recipe -> (mean score, mean cost); the costs of one recipe vary a little."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.1, n)
    return pd.DataFrame([
        {"task": f"t{k}", "recipe": name, "score": float(np.clip(score + level[k] + e, 0, 1)),
         "cost_usd": cost * c, "strategy": "panel" if name == "middle" else "solo"}
        for name, (score, cost) in (RECIPES | recipes).items()
        for k, (e, c) in enumerate(rng.normal((0, 1), (0.03, 0.1), (n, 2)))
    ])  # fmt: skip


def forgotten(table, recipe, count, **told):
    """The same without the costs of the first tasks of a recipe; bounds where told."""
    rows = table.index[table["recipe"] == recipe][:count]
    table = table.copy()
    table.loc[rows, "cost_usd"] = np.nan
    for name, value in told.items():
        table.loc[rows, name] = value
    return table


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_three_unknown_costs_of_sixty_change_no_place(recipe):
    """One bill lost of hundreds threw the recipe off the frontier."""
    whole, part = (fe.pareto(t).set_index("recipe") for t in (made(), forgotten(made(), recipe, 3)))

    for column in ("on_frontier", "status"):
        assert part[column].to_dict() == whole[column].to_dict()
    assert (part["p_on_frontier"] - whole["p_on_frontier"]).abs().max() < 0.02
    assert (part["caveat"] == "").all()
    assert fe.decisions(forgotten(made(), recipe, 3)).attrs["left_out"] == []


def test_what_the_bounds_leave_open_is_undecided_and_the_bounds_are_named():
    """A place that hangs on a guess about a bill is a guess."""
    table = forgotten(made(), "middle", 40, cost_min_usd=0.0, cost_max_usd=1.0)

    row = fe.pareto(table).set_index("recipe").loc["middle"]

    assert row["on_frontier"] is None
    assert row["status"] == "undecided"
    assert np.isnan(row["p_on_frontier"])
    assert "unknown costs (between 0.0" in row["caveat"]
    assert "per task) leave its place open: p_on_frontier is 0.00 to 1.00" in row["caveat"]


def test_whose_place_hangs_on_the_unknown_costs_of_another_is_told_whose():
    """The known recipe is the one that is asked about."""
    table = made(twin=(0.61, 0.031))
    table = forgotten(table, "twin", 50, cost_min_usd=0.0, cost_max_usd=0.5)

    row = fe.pareto(table).set_index("recipe").loc["middle"]

    assert row["on_frontier"] is None
    assert "those of twin" in row["caveat"]


def test_bounds_are_those_of_the_table_before_those_that_were_seen():
    """Who looks the bill up and writes its bounds must not be overruled by a maximum."""
    seen = forgotten(made(), "waste", 10)
    told = forgotten(made(), "waste", 10, cost_min_usd=0.09, cost_max_usd=0.11)
    lost = seen["cost_usd"].isna()

    low, high = bounds(seen)
    own = made()[made()["recipe"] == "waste"]["cost_usd"][10:]
    assert (low[lost] == 0).all()
    assert high[lost].tolist() == [own.max()] * 10
    low, high = bounds(told)
    assert (low[lost] == 0.09).all()
    assert (high[lost] == 0.11).all()
    assert (low[~lost] == told["cost_usd"][~lost]).all()


def test_a_recipe_without_any_known_cost_takes_no_place_and_gives_none():
    """An agent whose bills are all 0 was on the frontier and moved everybody off it."""
    nothing = forgotten(made(silent=(0.7, 1.0)), "silent", 60)

    whole = fe.pareto(made()).set_index("recipe")
    place = fe.pareto(nothing).set_index("recipe")
    assert place.loc["silent", "on_frontier"] is None
    assert place["on_frontier"].drop("silent").to_dict() == whole["on_frontier"].to_dict()
    assert place["status"].drop("silent").to_dict() == whole["status"].to_dict()
    taken = fe.decisions(nothing)
    assert "silent" not in set(taken["recipe"])
    assert taken.attrs["left_out"] == ["silent"]
    assert "silent" not in set(fe.acceptability(nothing, [0.01])["recipe"])


def test_a_bound_above_every_bill_that_was_seen_holds_too():
    """`--unknown-cost 50` was taken on the first screen and ignored in every table."""
    table = made(told=(0.99, 1.0))
    table = forgotten(table, "told", 60, cost_min_usd=0.0, cost_max_usd=50.0)

    assert fe.decisions(table).attrs["left_out"] == []
    assert list(fe.decisions(table)["recipe"])[-1] == "told"  # the best, at $50 an answer at most
    assert fe.decisions(table)["from_usd"].iloc[-1] > 1


def test_a_bound_that_a_user_gives_for_all_of_a_recipe_decides_for_it():
    """Who knows that an answer costs a cent at most can use that."""
    table = forgotten(made(told=(0.9, 1.0)), "told", 60, cost_min_usd=0.0, cost_max_usd=0.005)

    place, taken = fe.pareto(table).set_index("recipe"), fe.decisions(table)

    assert place.loc["told", "status"] == "on"
    assert place.loc["best", "dominated_by"] == "told"
    assert list(taken["recipe"]) == ["told"]


def test_equal_dollars_hold_at_both_bounds():
    """One lost bill left a recipe without a comparison; many must widen it, not move it."""
    whole, few, many = (
        fe.matched(table).set_index("recipe").loc["middle"]
        for table in (
            made(), forgotten(made(), "middle", 1),
            forgotten(made(), "middle", 30, cost_min_usd=0.02, cost_max_usd=0.19),
        )
    )  # fmt: skip

    assert (whole["conclusion"], few["conclusion"]) == ("better", "better")
    assert few["difference"] == pytest.approx(whole["difference"], abs=0.005)
    assert many["low"] < whole["low"]
    assert many["high"] >= whole["high"] - 0.01
    assert "unknown costs at their bounds" in many["caveat"]


def test_an_acceptable_answer_has_limits_in_dollars_where_some_costs_are_unknown():
    """Neither a price that was averaged over what was recorded, nor none at all."""
    whole = fe.acceptable(made(), 0.5).set_index("recipe").loc["best"]
    part = fe.acceptable(forgotten(made(), "best", 20), 0.5).set_index("recipe").loc["best"]

    assert np.isnan(part["usd_per_acceptable"])
    assert part["usd_low"] < whole["usd_low"]
    assert part["usd_high"] > whole["usd_high"]
    assert part["on_frontier"] is True


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public rows are not here")
def test_public_results_place_all_but_the_two_agents_without_bills(tmp_path):
    """25 unknown costs of 17,000 left eleven recipes without a place."""
    rows = pd.read_parquet(PUBLIC)
    codex = (rows["agent"] == "acp-codex") & rows["model"].isin(["GPT-5.4", "GPT-5.5"])
    rows = rows[(rows["bench"] == "swe-bench") & ((rows["agent"] == "openhands") | codex)]
    rows["recipe"] = rows["model"].where(rows["agent"] == "openhands", "codex " + rows["model"])
    names = {"resolved": "score", "cost": "cost_usd"}
    rows.rename(columns=names)[["task", "recipe", *names.values()]].to_csv(tmp_path / "rows.csv")
    trials = read_trials(tmp_path / "rows.csv")

    place = fe.pareto(trials, resamples=300).set_index("recipe")
    taken = fe.decisions(trials, resamples=300)

    agents = ["codex GPT-5.4", "codex GPT-5.5"]
    assert sorted(taken.attrs["left_out"]) == agents
    assert not set(agents) & set(taken["recipe"])
    assert sorted(place.index[place["on_frontier"].isna()]) == agents
    assert sorted(place.index[place["p_on_frontier"].isna()]) == agents
    few = place[place["cost_unknown"].between(1, 3)]
    assert len(few) == 8
    assert (few["on_frontier"] == False).all()  # noqa: E712
    assert place.loc["GLM-5", "cost_unknown"] == 95
    assert np.isnan(place.loc["GLM-5", "cost_high"])
    paid = trials[trials["recipe"] == "GLM-5"]["cost_usd"]
    assert place.loc["GLM-5", "cost_usd"] < paid.mean() * 0.85
    assert place.loc["GLM-5", "status"] == "dominated"
