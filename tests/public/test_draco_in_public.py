"""The re-analysis of the public runs: known facts come out, and the page says what they say."""

import re

import made_draco as draco
import nbformat
import pytest
import write_draco_public as page

import fusion_eval as fe

NOTEBOOK = page.DOCS.parent / "notebooks" / "draco_in_public.ipynb"


def test_the_page_says_what_the_library_computes_now():
    """A number that was right last year is believed for years to come."""
    written, made = page.PAGE.read_text(encoding="utf-8"), page.document()

    assert written == made, "run: python tests/write_draco_public.py"
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", made)
    assert set(pictures) == {"draco-ranks.png", *(f"draco-{name}.png" for name in page.FIGURES)}
    for name in pictures:
        assert (page.DOCS / name).stat().st_size < 80_000


def test_the_first_page_tells_of_the_real_runs_what_they_show():
    """The caption of the first picture is all that most people ever read."""
    said = " ".join((page.DOCS.parent / "README.md").read_text(encoding="utf-8").split())
    ranks, pairs = fe.ranks(draco.ranked()), draco.pairs()
    top, last = ranks.iloc[0], ranks.tail(3)

    told = (pairs["conclusion"] == "better").sum()
    assert f"top scorer are {top['rank_low']} to {top['rank_high']}" in said
    assert f"{told} of {len(pairs)} pairs" in said
    assert f"published verdicts on {len(ranks)} fusion systems" in said
    assert last["rank_low"].min() > ranks.iloc[:12]["rank_low"].max(), "the last three are worse"


def test_the_notebook_shows_the_numbers_that_the_library_computes_now():
    """Its outputs are committed, and nobody would see that they have become wrong."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shown = [
        str(output.get("text", output.get("data", {}).get("text/html", "")))
        for cell in notebook.cells for output in cell.get("outputs", ())
    ]  # fmt: skip
    told = "\n".join(shown)
    pairs, step = draco.pairs(), draco.scaled().iloc[-1]
    alone, together = (pairs["p"] <= 0.05).sum(), (pairs["conclusion"] == "better").sum()
    assert f"{alone} of {len(pairs)} pairs differ by themselves, {together} as a family" in told
    assert f"{step['points_per_usd']:.1f} points per dollar" in told
    assert f"({step['per_usd_low']:.1f} to {step['per_usd_high']:.1f}, " in told
    for frame, columns in (
        (fe.scores(draco.trials()), ["score", "low", "high"]),
        (draco.claimed().dropna(subset="value"), ["value", "low", "high"]),
    ):
        for row in frame.to_dict("records"):
            cells = "\\s*".join(rf"<td>{100 * row[name]:.2f}0*</td>" for name in columns)
            assert re.search(cells, told), row


def test_the_nine_published_means_come_out_of_the_verdicts():
    """Who cannot reproduce the mean cannot be believed on its interval."""
    found = fe.scores(draco.trials()).set_index("recipe")

    expected = {
        "frontier → M3": 71.57, "frontier → Opus": 70.65, "open → M3": 69.87, "M3 ×10": 69.39,
        "frontier → Kimi": 66.98, "frontier → DeepSeek": 65.67, "frontier → GPT-5.5": 62.23,
        "budget → Opus": 60.75, "frontier → Gemma": 53.98,
    }  # fmt: skip
    for name, mean in expected.items():
        assert 100 * found.loc[name, "score"] == pytest.approx(mean, abs=0.005), name
        assert found.loc[name, "low"] < found.loc[name, "score"] < found.loc[name, "high"]
        assert found.loc[name, "n"] == 100


def test_missing_tasks_are_named_and_the_blank_answer_counts_as_users_see_it():
    """Published means hid that one system had 94 tasks and another a blank answer."""
    found = fe.scores(draco.trials()).set_index("recipe")
    complete = fe.scores(draco.trials(), missing="complete").set_index("recipe")

    assert found["n"][found["n"] < 100].to_dict() == {
        "M3 ×2 warm": 99, "M3 ×4": 98, "Opus ×2": 94
    }  # fmt: skip
    for name, lost in (("M3 ×2 warm", "1 task "), ("M3 ×4", "2 tasks"), ("Opus ×2", "6 tasks")):
        assert f"{name} misses {lost}" in found.loc[name, "caveat"]
    glm = "frontier → GLM"
    assert 100 * found.loc[glm, "score"] == pytest.approx(71.11, abs=0.005)
    assert (round(100 * complete.loc[glm, "score"], 2), complete.loc[glm, "n"]) == (71.83, 99)
    assert "failed and is counted as 0" in found.loc[glm, "caveat"]


def test_63_of_99_pairs_survive_and_the_top_scorer_may_hold_any_rank_to_the_tenth():
    """The published ranking, with the errors that it has."""
    pairs, ranks = draco.pairs(), fe.ranks(draco.ranked())

    assert draco.ranked().attrs["left_out"]["recipes"] == ["M3 ×4", "Opus ×2"]
    assert (len(pairs), set(pairs["n"])) == (153, {99})
    assert abs((pairs["p"] <= 0.05).sum() - 99) <= 2
    assert (pairs["conclusion"] == "better").sum() == 63
    points = 100 * pairs["sd"]
    assert (points.min(), points.median(), points.max()) == pytest.approx(
        (6.7, 10.7, 14.8), abs=0.05
    )
    assert tuple(ranks.iloc[0][["recipe", "rank_low", "rank_high"]]) == ("frontier → GLM", 1, 10)
    row = draco.pair("frontier → M3", "frontier → Opus")
    assert row["conclusion"] == "undecided"
    assert (100 * row["difference"], 100 * row["se"]) == pytest.approx((0.92, 0.67), abs=0.006)


def test_where_neither_was_cut_off_glm_leads_the_best_writer():
    """On the 57 tasks that both finished GLM leads by 2.0 (0.3 to 3.7); in all they tie."""
    both = {"missing": "complete"}
    whole = draco.pair("frontier → M3", "frontier → GLM", rows=draco.uncut(), **both)
    every = draco.pair("frontier → M3", "frontier → GLM", **both)
    lost = draco.pair(
        "frontier → M3", "frontier → GLM", rows=draco.where_cut("frontier → GLM"), **both
    )

    assert (whole["n"], every["n"], lost["n"]) == (57, 99, 42)
    assert 100 * whole["difference"] == pytest.approx(-1.98, abs=0.01)
    assert 100 * whole["se"] == pytest.approx(0.86, abs=0.01)
    assert whole["high"] < 0
    assert 100 * every["difference"] == pytest.approx(-0.18, abs=0.01)
    assert every["low"] < 0 < every["high"]
    assert lost["difference"] > 0


def test_the_series_of_self_fusion_has_its_scores_and_only_the_dollars_that_were_measured():
    """With modelled dollars in the gaps, the price of a point would be made up."""
    runs = draco.scaled().set_index("size")

    means = [66.24, 67.70, 67.97, 68.14, 68.25, 69.50, 69.28, 68.37, 69.39]
    assert list(100 * runs["score"]) == pytest.approx(means, abs=0.006)
    assert runs["usd"].dropna().to_dict() == {4.0: 0.37, 10.0: pytest.approx(0.8719)}
    row = runs.loc[10.0]
    assert (row["since"], row["more_n"]) == ("M3 ×4", 98)
    assert row["per_usd_low"] < 0 < row["points_per_usd"] < row["per_usd_high"]
    assert 100 * row["gain"] == pytest.approx(3.15, abs=0.006)
    parts = draco.systems().set_index("name").loc["M3 ×10"]
    assert parts["total_usd"] == pytest.approx(
        parts["research_usd"] + parts["judging_usd"] + parts["writing_usd"]
    )
    writing = draco.writing()
    assert 100 * writing.value == pytest.approx(parts["writing_usd"], abs=0.005)
    assert writing.low < writing.value < writing.high


def test_every_claim_has_a_verdict_with_its_reason_and_m3_over_opus_is_undecided():
    """A claim without an interval behind it is where we came in."""
    found = draco.claimed()

    opus = found[(found["a"] == "frontier → M3") & (found["b"] == "frontier → Opus")].iloc[0]
    assert opus["verdict"] == "undecided"
    tested = found[found["verdict"] != "cannot be tested"]
    assert tested[["value", "low", "high", "n"]].notna().all(axis=None)
    assert found["reason"].str.len().min() > 10
    assert found["source"].str.len().min() > 3
    best = found[found["says"] == "best"].iloc[0]
    assert best["verdict"] == "undecided"
    wrong = draco.printed().set_index("a")["verdict"].eq("contradicted")
    assert set(wrong.index[wrong]) == {"budget → Opus", "M3 ×4"}
