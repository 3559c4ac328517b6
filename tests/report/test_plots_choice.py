"""Figures for the choice: acceptability curves, and the frontier in seconds."""

import itertools

import numpy as np
import pandas as pd
import pytest
from made_runs import FOUR_PARTS, NINE, made_run

import fusion_eval as fe
from fusion_eval.plots.acceptability import LEAST, MOST, curves
from fusion_eval.plots.acceptability import draw as draw_curves
from fusion_eval.plots.pareto import draw as draw_pareto
from fusion_eval.plots.style import figure

SECONDS = {"solo-a": 2.0, "solo-b": 3.0, "panel": 20.0, "debate": 60.0}


def _slow(row, rng):
    return row | {"latency_s": float(SECONDS.get(row["recipe"], 5.0) * rng.lognormal(0, 0.2))}


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice") / "run"
    return fe.trials(made_run(folder, FOUR_PARTS, n=40, tweak=_slow, simulated=True))


@pytest.fixture(scope="module")
def table(trials):
    return fe.acceptability(trials)


def _drawn(ax):
    return {line.get_gid(): line for line in ax.lines if line.get_gid()}


def _written(ax):
    ax.figure.canvas.draw()
    return {t.get_text(): t for t in ax.texts if t.get_text() and t.get_visible()}


def test_each_curve_is_the_probability_of_its_recipe_at_every_value(table):
    """A curve under another recipe's name would send people to the wrong one."""
    ax = draw_curves(figure(4.4), table)

    drawn = _drawn(ax)
    assert len(curves(table)) >= 3
    for k, curve in enumerate(curves(table)):
        rows = table[table["recipe"] == curve.recipe].sort_values("value")
        assert np.allclose(drawn[f"curve-{k}"].get_xdata(), rows["value"])
        assert np.allclose(drawn[f"curve-{k}"].get_ydata(), 100 * rows["probability"])
        x, y = (float(drawn[f"point-{k}"].get_data()[axis][0]) for axis in (0, 1))
        assert y == pytest.approx(100 * rows["probability"].max())
        assert x in set(rows["value"])
    assert ax.get_xscale() == "log"


def test_the_thick_line_is_where_the_recipe_has_the_largest_net_benefit(table):
    """Where it is most likely best is another question; the choice follows the mean."""
    ax = draw_curves(figure(4.4), table)

    thick = [line for line in ax.lines if line.get_linewidth() > 3]
    for curve, line in zip(curves(table), thick, strict=True):
        rows = table[table["recipe"] == curve.recipe].sort_values("value")
        assert (~np.isnan(line.get_ydata()) == rows["chosen"].to_numpy(bool)).all()


def test_every_curve_is_named_once_and_no_name_covers_another(table):
    """A nameless curve can be read as any recipe."""
    ax = draw_curves(figure(4.4), table)

    written = _written(ax)
    names = [curve.recipe for curve in curves(table)]
    assert set(names) <= set(written)
    boxes = [written[name].get_window_extent() for name in names]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_in_a_column_of_a_paper_the_names_stand_in_a_key_where_they_do_not_fit(table):
    """3.3 inches are what a two-column paper leaves."""
    canvas = figure(2.9)
    canvas.set_size_inches(3.3, 2.9)

    ax = fe.plots.acceptability(table, canvas.add_subplot())

    written, legend = _written(ax), ax.get_legend()
    names = {curve.recipe for curve in curves(table)}
    key = {t.get_text() for t in legend.get_texts()} if legend else set()
    assert names <= set(written) | key
    for part in (legend, ax._left_title, ax.xaxis.label, ax.yaxis.label):
        box = part.get_window_extent() if part else canvas.bbox
        assert canvas.bbox.x0 - 1 <= box.x0 <= box.x1 <= canvas.bbox.x1 + 1
        assert canvas.bbox.y0 - 1 <= box.y0 <= box.y1 <= canvas.bbox.y1 + 1


def test_recipes_that_are_nowhere_likely_are_counted_not_hidden(tmp_path):
    """A reader who misses a recipe must learn why it is not there."""
    trials = fe.trials(made_run(tmp_path / "run", NINE, n=60))
    table = fe.acceptability(trials)

    ax = draw_curves(figure(4.4), table)

    shown = {curve.recipe for curve in curves(table)}
    best = table.groupby("recipe")["probability"].max()
    chosen = set(table.loc[table["chosen"], "recipe"])
    assert set(best.index[best >= LEAST]) | chosen == shown
    assert len(shown) < len(NINE)
    assert f"{len(NINE) - len(shown)} less likely" in ax.get_title(loc="left")


def test_of_many_likely_recipes_the_likeliest_are_drawn():
    """Twenty curves in one figure cannot be told apart."""
    rows = [
        {"value": v, "recipe": f"r{k}", "net_benefit": 0.0, "n": 9, "chosen": False,
         "probability": 0.1 + 0.01 * k}
        for k in range(20) for v in (0.1, 1.0)
    ]  # fmt: skip

    found = curves(pd.DataFrame(rows))

    assert sorted(c.recipe for c in found) == sorted(f"r{k}" for k in range(20 - MOST, 20))
    ax = draw_curves(figure(4.4), pd.DataFrame(rows))
    colours = [line.get_color() for gid, line in _drawn(ax).items() if gid.startswith("curve")]
    assert len(set(colours)) == len(found) == MOST


def test_with_too_few_tasks_no_curve_is_drawn(tmp_path):
    """Four tasks resampled say 100 % of whatever happened."""
    table = fe.acceptability(fe.trials(made_run(tmp_path / "run", FOUR_PARTS, n=4)))

    ax = draw_curves(figure(4.4), table)

    assert not _drawn(ax)
    assert any("too few tasks" in text for text in _written(ax))


def test_the_frontier_in_seconds_has_seconds_on_its_axis_and_at_its_points(trials):
    """Dollars drawn as seconds would look fine and be wrong."""
    table = fe.pareto(trials, by="latency_s")

    ax = draw_pareto(figure(4.0), table)

    points = {tuple(np.round(line.get_xydata()[0], 6)) for line in ax.lines
              if str(line.get_gid()).startswith("point-")}  # fmt: skip
    wanted = {(round(r.seconds, 6), round(100 * r.score, 6)) for r in table.itertuples()}
    assert points == wanted
    assert "(s, mean over tasks, log scale)" in ax.get_xlabel()
    assert "against time of 4 recipes" in ax.get_title(loc="left")
    ticks = [t.get_text() for t in ax.get_xticklabels() if t.get_text()]
    assert ticks
    assert all(text.endswith(" s") and "$" not in text for text in ticks)


def test_a_time_that_is_not_wholly_known_is_a_lower_bound_in_time(tmp_path):
    """The key must not speak of cost where seconds are drawn."""

    def lose(row, rng):
        return _slow(row, rng) | ({"latency_s": None} if rng.random() < 0.2 else {})

    trials = fe.trials(made_run(tmp_path / "run", FOUR_PARTS, tweak=lose))
    ax = draw_pareto(figure(4.0), fe.pareto(trials, by="latency_s"))

    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "grey: time is a lower bound" in key


def test_a_point_paid_in_seconds_says_so(trials):
    """The same curves at another price are another statement."""
    ax = draw_curves(figure(4.4), fe.acceptability(trials, by="latency_s"))

    assert "s of waiting" in ax.get_xlabel()
    assert "US" not in ax.get_xlabel()


@pytest.mark.parametrize("dpi", [100, 300])
def test_labels_are_placed_alike_at_any_resolution(trials, dpi):
    """At 300 dots per inch, names lay on the markers that they belong to."""
    canvas = figure(4.0)
    canvas.set_dpi(dpi)

    ax = draw_pareto(canvas, fe.pareto(trials))

    middles = ax.transData.transform([line.get_xydata()[0] for line in ax.lines
                                      if str(line.get_gid()).startswith("point-")])  # fmt: skip
    radius = 4 / 72 * dpi
    for name, text in _written(ax).items():
        box = text.get_window_extent()
        for x, y in middles:
            far = np.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))
            assert far > radius or name == "SIMULATED", name


def test_without_a_known_price_there_is_no_curve_and_no_error(tmp_path):
    """Imported verdicts have no prices, and their report must not end in a traceback."""
    free = {name: (strategy, mean, None) for name, (strategy, mean, _) in FOUR_PARTS.items()}
    table = fe.acceptability(fe.trials(made_run(tmp_path / "run", free)))

    assert table.empty
    assert curves(table) == []
    assert not _drawn(draw_curves(figure(4.4), table))
