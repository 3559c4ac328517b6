"""Figures of parts, shares and costs, and that every figure fits a column of a paper."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_runs import NINE, made_run, trial, trials_of

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.plots.style import figure
from fusion_eval.report.money import by_role

PARTS = ("Law", "Medicine", "Science", "Needle in a Haystack", "History")


def _domains(row, rng):
    place = PARTS.index(row["domain"]) if row["domain"] in PARTS else 0
    return row | {"domain": PARTS[(place + int(row["task"].split("-")[1])) % len(PARTS)]}


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables") / "run"
    return fe.trials(made_run(folder, NINE, n=40, tweak=_domains, simulated=True))


def _shares():
    rows = [
        {"between": "a and b", "sign": sign, "measure": measure, "value": v, "low": v - 0.1,
         "high": v + 0.05, "n": 9}
        for sign in ("all", "positive", "negative")
        for measure, v in (("raw", 0.9), ("cohen", 0.4), ("alpha", -0.02))
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table.attrs["simulated"] = True
    return table


def _costs():
    """US$ per answer; the judge of `mystery` has no known price."""
    table = pd.DataFrame(
        {"member": [0.01, 0.03, 0.02], "judge": [0.0, 0.01, float("nan")],
         "synthesizer": [0.0, 0.02, 0.0]},
        index=["solo", "panel", "mystery"],
    )  # fmt: skip
    table.attrs["simulated"] = True
    return table


def _seen(labels, axis, limits):
    """The labels of ticks that lie within the axes; matplotlib keeps others, and draws none."""
    low, high = sorted(limits)
    return [t for t in labels if t.get_text() and low <= t.get_position()[axis] <= high]


def _drawings(trials):
    return {
        "acceptability": fe.acceptability(trials),
        "pareto": fe.pareto(trials),
        "scores": fe.pareto(trials),
        "forest": fe.compare(trials, reference="solo-a"),
        "heat": fe.breakdown(trials),
        "shares": _shares(),
        "costs": _costs(),
    }


@pytest.mark.parametrize("name", ["acceptability", "pareto", "scores", "forest", "heat", "shares",
                                  "costs"])  # fmt: skip
@pytest.mark.parametrize("size", [(3.3, 3.2), (7.0, 4.5)])
def test_every_figure_fits_a_column_and_a_page(trials, name, size):
    """What hangs out of the picture is cut off in print, names of recipes first."""
    table = _drawings(trials)[name]
    canvas, ax = plt.subplots(figsize=size)

    assert getattr(fe.plots, name)(table, ax) is ax

    canvas.draw_without_rendering()
    picture = canvas.bbox
    labels = [*_seen(ax.get_xticklabels(), 0, ax.get_xlim()),
              *_seen(ax.get_yticklabels(), 1, ax.get_ylim())]  # fmt: skip
    parts = [ax.get_legend(), ax._left_title, ax.xaxis.label, ax.yaxis.label, *labels]
    for part in parts:
        box = part.get_window_extent() if part is not None and part.get_visible() else None
        if box is not None and box.width:
            assert picture.x0 - 1 <= box.x0 <= box.x1 <= picture.x1 + 1, part
            assert picture.y0 - 1 <= box.y0 <= box.y1 <= picture.y1 + 1, part
    rows = [t.get_window_extent() for t in _seen(ax.get_yticklabels(), 1, ax.get_ylim())]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(rows, 2))
    written = [ax.get_title(loc="left"), *(t.get_text() for t in ax.texts if t.get_visible())]
    assert any("SIMULATED" in text for text in written)
    plt.close(canvas)


def test_every_figure_takes_a_table_and_axes_and_returns_axes(trials):
    """One signature: who knows one figure knows them all."""
    for name, table in _drawings(trials).items():
        ax = getattr(fe.plots, name)(table)
        assert ax is getattr(fe.plots, name)(frame=table, ax=ax)
        plt.close(ax.figure)


def test_every_field_has_its_score_and_its_interval(trials):
    """A colour without its number cannot be quoted, and hides how little is behind it."""
    table = fe.breakdown(trials)
    ax = fe.plots.heat(table, figure(5.0).add_subplot())
    ax.figure.canvas.draw()

    rows = [label.get_text() for label in ax.get_yticklabels()]
    columns = [label.get_text() for label in ax.get_xticklabels()]
    written = {}
    for text in ax.texts:
        x, y = text.get_position()
        written.setdefault((round(x), round(y)), []).append(text.get_text())
    assert set(columns) == set(PARTS)
    for row in table.to_dict("records"):
        at = columns.index(row["part"]), rows.index(row["recipe"])
        ends = f"{100 * row['low']:.0f}–{100 * row['high']:.0f}"
        assert written[at] == [f"{100 * row['value']:.1f}", ends]


def test_a_breakdown_is_the_mean_of_each_part_and_counts_failures_as_zero(tmp_path):
    """A domain in which a recipe keeps failing must not look as good as the rest."""
    rows = [
        trial(f"{part}-{k}", "a", score, domain=part, failure=failure)
        for part, cells in {
            "law": [(0.2, None), (0.6, None)],
            "art": [(1.0, None), (None, "timeout")],
        }.items()
        for k, (score, failure) in enumerate(cells)
    ]
    found = fe.breakdown(trials_of(tmp_path / "run", rows)).set_index("part")

    assert found.loc["law", "value"] == pytest.approx(0.4)
    assert found.loc["art", "value"] == pytest.approx(0.5)
    assert list(found["n"]) == [2, 2]


def test_a_breakdown_by_section_needs_the_verdicts(trials):
    """Without them there would be an empty table, and no word why."""
    with pytest.raises(StatisticsError, match="verdicts"):
        fe.breakdown(trials, by="section")


def test_parts_that_do_not_fit_are_counted(trials):
    """A part that is silently left out looks as if it had not been asked."""
    many = pd.concat([fe.breakdown(trials).assign(part=lambda t, k=k: t["part"] + f" {k}")
                      for k in range(6)])  # fmt: skip
    canvas = figure(4.0)
    canvas.set_size_inches(3.3, 4.0)

    ax = fe.plots.heat(many, canvas.add_subplot())

    drawn = len([label for label in ax.get_xticklabels() if label.get_text()])
    assert 2 <= drawn < 30
    assert f"{30 - drawn} more" in ax.get_title(loc="left").replace("\n", " ")


def test_shares_have_their_intervals_and_signs_their_own_markers():
    """Positive and negative criteria fail in different ways; one marker for both hides that."""
    table = _shares()
    table = table[table["measure"] == "raw"]

    ax = fe.plots.shares(table, figure(3.0).add_subplot())

    segments = [c.get_segments()[0] for c in ax.collections]
    for k, row in enumerate(table.to_dict("records")):
        assert any(np.allclose(s, [(row["low"], k), (row["high"], k)]) for s in segments)
    markers = {line.get_marker() for line in ax.lines if line.get_gid()}
    assert len(markers) == 3
    key = {text.get_text() for text in ax.get_legend().get_texts()}
    assert key == {"all criteria", "positive criteria", "negative criteria"}
    assert all(label.get_text().endswith("%") for label in ax.get_xticklabels())


def test_coefficients_are_not_drawn_in_percent_nor_cut_at_zero():
    """A kappa of -0.02 is no share, and lies left of 0."""
    ax = fe.plots.shares(_shares(), figure(4.0).add_subplot())
    ax.figure.canvas.draw()

    assert ax.get_xlim()[0] < -0.12
    assert not any("%" in label.get_text() for label in ax.get_xticklabels())


def test_bars_are_the_dollars_by_role_without_grading_and_unknown_ones_are_named():
    """An unknown bill drawn as 0 makes the dearest recipe the cheapest."""
    ax = fe.plots.costs(_costs(), figure(3.0).add_subplot())

    names = [label.get_text() for label in ax.get_yticklabels()]
    widths = {(round(bar.get_y() + bar.get_height() / 2), round(bar.get_x(), 6)): bar.get_width()
              for bar in ax.patches if bar.get_width()}  # fmt: skip
    assert names == ["solo", "panel"]
    assert sum(w for (row, _), w in widths.items() if row == 1) == pytest.approx(0.06)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {
        "member", "judge", "synthesizer",
    }  # fmt: skip
    assert "cost unknown: mystery" in ax.get_title(loc="left").replace("\n", " ")


def test_a_role_that_a_recipe_has_not_costs_nothing_and_an_unknown_price_is_unknown():
    """Both were empty, and an unknown bill was drawn as 0."""
    table = by_role({"solo": {"member": 0.1}, "panel": {"member": 0.3, "judge": None}})

    assert table.loc["solo", "judge"] == 0
    assert np.isnan(table.loc["panel", "judge"])


def test_differences_between_graders_are_drawn_without_a_conclusion():
    """The same figure serves whatever has two names and a difference."""
    table = pd.DataFrame([
        {"a": "x", "b": "y", "difference": 0.1, "low": 0.02, "high": 0.18},
        {"a": "x", "b": "z", "difference": 0.1, "low": -0.02, "high": 0.22},
    ])  # fmt: skip
    ax = fe.plots.forest(table, figure(3.0).add_subplot())

    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert sorted(face == "white" for face in faces) == [False, True]


def test_a_difference_without_an_interval_is_drawn_without_one():
    """A run stopped early compares on one task; without its page nobody sees what it brought."""
    rows = [
        {"a": "panel", "b": "solo", "difference": 0.1, "low": None, "high": None},
        {"a": "vote", "b": "solo", "difference": 0.2, "low": 0.1, "high": 0.3},
    ]
    frame = pd.DataFrame(rows, dtype=object)
    frame.attrs["simulated"] = True
    assert len(fe.plots.forest(frame).collections) >= 1
