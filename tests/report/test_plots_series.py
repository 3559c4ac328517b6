"""Figures of ranks, readings, scaling and items: all inside, nothing without its interval."""

import itertools
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_ladders import table

from fusion_eval import plots, stats
from fusion_eval.plots.style import figure
from fusion_eval.stats.items import items as judged
from fusion_eval.stats.scaling import scaling as scaled

NAMES = ["solo", "panel → a writer with a rather long name", "debate", "vote $5"]
SIZES = {"x2": 2, "x4": 4, "x8": 8, "x9": 9, "x10": 10}


@pytest.fixture(scope="module")
def trials():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.1, 40)
    made = {
        name: {"score": np.clip(0.5 + 0.04 * k + hard + rng.normal(0, 0.05, 40), 0, 1),
               "finish": np.where(rng.random(40) < 0.1 * k, "length", "stop")}
        for k, name in enumerate(NAMES)
    }  # fmt: skip
    return table(made, 40)


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(1)
    made = {
        n: {"score": 0.5 + 0.03 * np.log2(k) + rng.normal(0, 0.1, 50)} for n, k in SIZES.items()
    }
    return scaled(table(made, 50), SIZES, usd={"x4": 0.4, "x10": 1.05})


@pytest.fixture(scope="module")
def criteria():
    rng = np.random.default_rng(2)
    rows = [
        ("t", "t", f"r{r}", 0, f"c{c}", "s", 5.0 if c < 30 else -5.0, float(rng.random() < c / 30))
        for r in range(6) for c in range(40)
    ]  # fmt: skip
    names = ["task", "task_hash", "recipe", "repeat", "criterion", "section", "weight", "value"]
    return judged(pd.DataFrame(rows, columns=names))


@pytest.fixture(scope="module")
def frames(trials, series, criteria):
    return {
        "ranks": stats.ranks(trials), "readings": stats.failures(trials),
        "scaling": series, "items": criteria,
    }  # fmt: skip


def _all_inside(ax):
    ax.figure.canvas.draw()
    picture = ax.figure.bbox
    ticks = [
        [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
    ]
    parts = [ax._left_title, ax.xaxis.label, ax.yaxis.label, *ticks[0], *ticks[1]]
    parts = [part for part in parts if part.get_text()]
    for part in [*parts, *([ax.get_legend()] if ax.get_legend() else [])]:
        box = part.get_window_extent()
        assert box.x0 >= picture.x0 - 1, part
        assert box.x1 <= picture.x1 + 1, part
        assert box.y0 >= picture.y0 - 1, part
        assert box.y1 <= picture.y1 + 1, part
    for labels in ticks:
        boxes = [label.get_window_extent() for label in labels]
        for one, other in itertools.pairwise(boxes):
            assert not one.overlaps(other), [label.get_text() for label in labels]


@pytest.mark.parametrize("name", ["ranks", "readings", "scaling", "items"])
@pytest.mark.parametrize("size", [None, (9, 4), (3.3, 3.4)])
def test_everything_lies_inside_the_picture_and_labels_do_not_collide(frames, name, size):
    """At the width of a column, a name that is cut off names nobody."""
    frame = frames[name]
    if size is None:
        ax = _drawn(name, frame)
    else:
        _, ax = plt.subplots(figsize=size)
        assert getattr(plots, name)(frame, ax=ax) is ax
    _all_inside(ax)
    plt.close(ax.figure)


@pytest.mark.parametrize("name", ["ranks", "readings", "scaling", "items"])
def test_simulated_figures_say_so_inside_the_axes_and_real_ones_do_not(frames, name):
    """Whoever pastes the picture must take the word along."""
    frame = frames[name]
    assert "SIMULATED" not in [t.get_text() for t in _drawn(name, frame).texts]
    marked = frame.copy()
    marked.attrs = {**frame.attrs, "simulated": True}
    ax = _drawn(name, marked)
    assert "SIMULATED" in [text.get_text() for text in ax.texts]
    assert ax.get_title(loc="left").startswith("SIMULATED")


def _drawn(name, frame):
    module = import_module(f"fusion_eval.plots.{name}")
    return module.draw(figure(module.height(frame)), frame)


def test_a_bar_of_ranks_holds_exactly_the_ranks_that_are_open(frames):
    """A bar one rank short hides who else may be there."""
    table_ = frames["ranks"]
    ax = _drawn("ranks", table_)

    bars = {round(p.get_y() + p.get_height() / 2): p for p in ax.patches}
    for place, row in enumerate(table_.sort_values("score").to_dict("records")):
        left, right = bars[place].get_x(), bars[place].get_x() + bars[place].get_width()
        assert [k for k in range(1, 5) if left <= k <= right] == list(
            range(row["rank_low"], row["rank_high"] + 1)
        )


def test_dollars_stand_only_below_sizes_whose_dollars_are_known(series):
    """A number in a gap would be made up."""
    ax = _drawn("scaling", series)

    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["2", "4\n\\$0.4", "8", "9", "10\n\\$1.1"]
    lines = [c for c in ax.collections if len(c.get_segments()) == 1]
    assert len(lines) == 4, "each gain has its interval"


def test_an_uncut_reading_is_drawn_only_where_something_was_cut(frames):
    """Two equal markers would say that leaving nothing out was tried."""
    ax = _drawn("readings", frames["readings"])

    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    cut = [label.get_text() for label in ax.get_yticklabels() if "· 0%" not in label.get_text()]
    assert len(hollow) == len(cut) == 3
