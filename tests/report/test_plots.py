"""Figures: nothing hidden, nothing overlapping, nothing that looks more certain than it is."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import FOUR_PARTS as FOUR
from made_runs import NINE, made_run
from matplotlib.transforms import Bbox

from fusion_eval import frames, plots, stats
from fusion_eval.plots.labels import solve
from fusion_eval.plots.pareto import draw, has_costs
from fusion_eval.plots.scales import dollars
from fusion_eval.plots.scores import draw as draw_scores
from fusion_eval.plots.spots import bars, spots
from fusion_eval.plots.style import figure, looks

TWELVE = {f"recipe-{k}": ("solo", 0.55 + 0.015 * k, 0.002 * 1.6**k) for k in range(12)}
TWENTY = {
    f"a_rather_long_recipe_name_{k}": (
        ("solo", "panel", "vote")[k % 3],
        0.5 + k / 100,
        1.3**k / 500,
    )
    for k in range(20)
}
CROWD = {
    name: (s, 0.66 + k / 500, 0.01 + k / 2000) for k, (name, (s, _, _)) in enumerate(NINE.items())
}


def _table(tmp_path, recipes, **options):
    return stats.pareto(frames.trials(made_run(tmp_path / "run", recipes, **options)))


def _labels(ax):
    ax.figure.canvas.draw()
    texts = [t for t in ax.texts if t.get_text() and t.get_visible()]
    return {t.get_text(): t.get_window_extent() for t in texts}


@pytest.mark.parametrize("recipes", [FOUR, NINE, TWELVE, TWENTY, CROWD])
def test_labels_cover_neither_each_other_nor_points_nor_bars(tmp_path, recipes):
    """An unreadable name on the deciding point makes the figure worthless."""
    table = _table(tmp_path, recipes, simulated=True)

    ax = draw(figure(4.0), table)

    labels, drawn = _labels(ax), spots(table)
    assert len(labels) == len(recipes) + 1
    for (_, one), (_, other) in itertools.combinations(labels.items(), 2):
        assert not one.overlaps(other)
    points = ax.transData.transform([(s.cost, s.score) for s in drawn])
    for text, box in labels.items():
        assert not any(box.overlaps(bar) for bar in bars(ax, drawn)), text
        assert not any(box.contains(x, y) for x, y in points), text
        assert ax.get_window_extent().containsx(box.x0)
        assert ax.get_window_extent().containsx(box.x1)


@pytest.mark.parametrize("recipes", [FOUR, TWENTY, CROWD])
def test_everything_drawn_lies_inside_the_picture(tmp_path, recipes):
    """A key that is cut off hides the names of recipes."""
    ax = draw(figure(4.0), _table(tmp_path, recipes))
    ax.figure.canvas.draw()

    picture = ax.figure.bbox
    for part in (ax.get_legend(), ax.title, ax.xaxis.label, ax.yaxis.label):
        box = part.get_window_extent()
        assert box.x0 >= picture.x0
        assert box.y0 >= picture.y0
        assert box.x1 <= picture.x1
        assert box.y1 <= picture.y1


@pytest.mark.parametrize("recipes", [FOUR, NINE, TWENTY])
@pytest.mark.parametrize(("columns", "options"), [
    (1, {}), (2, {}), (2, {"layout": "constrained"}), (1, {"figsize": (5, 4)}),
])  # fmt: skip
def test_in_axes_of_the_caller_everything_lies_inside_the_picture(
    tmp_path, recipes, columns, options
):
    """In a notebook the title was cut off on the right, and the legend lay off the canvas."""
    table = _table(tmp_path, recipes, simulated=True)
    canvas = plt.figure(**options)
    every = canvas.subplots(1, columns, squeeze=False)[0]

    for ax in every:
        plots.pareto(table, ax=ax)
    canvas.draw_without_rendering()

    picture = canvas.bbox
    for ax in every:
        parts = [ax.get_legend(), ax._left_title, ax.xaxis.label, ax.yaxis.label]
        for part in parts:
            box = part.get_window_extent()
            assert box.x0 >= picture.x0 - 1, part
            assert box.y0 >= picture.y0 - 1, part
            assert box.x1 <= picture.x1 + 1, part
            assert box.y1 <= picture.y1 + 1, part
        assert ax.get_window_extent().height >= 59
        assert ax._left_title.get_window_extent().width <= ax.get_window_extent().width + 1
        assert not ax.get_legend().get_window_extent().overlaps(ax.xaxis.label.get_window_extent())
    plt.close(canvas)


def test_a_label_lies_nearer_to_its_own_point_than_to_another_or_has_a_leader(tmp_path):
    """`vote-heron` stood beside the point of `solo-heron`, and was read as its name."""
    centres = [(438.0, 329.0), (537.0, 295.0), (569.0, 271.0), (583.0, 272.0)]
    obstacles = [Bbox.from_extents(x - 1, y - 65, x + 1, y + 65) for x, y in centres]

    found = solve(centres, [(70, 13)] * 4, obstacles, Bbox.from_extents(85, 50, 875, 480))

    for k, label in enumerate(found):
        far = [
            np.hypot(max(label.box.x0 - x, 0, x - label.box.x1),
                     max(label.box.y0 - y, 0, y - label.box.y1))
            for x, y in centres
        ]  # fmt: skip
        assert far[k] == min(far) or (label.distance > 12 and min(far) > 30), (k, far)


def test_many_recipes_carry_numbers_and_the_key_has_every_name(tmp_path):
    """Twenty names in one figure cannot be read; a missing one cannot be found."""
    table = _table(tmp_path, TWENTY)

    ax = draw(figure(4.0), table)

    key = [text.get_text() for text in ax.get_legend().get_texts()]
    ranked = table.sort_values("score", ascending=False)["recipe"]
    for number, name in enumerate(ranked, 1):
        assert f"{number}  {name}" in key
        assert str(number) in _labels(ax)


def test_simulated_stands_inside_the_axes_and_real_numbers_do_not_say_it(tmp_path):
    """Whoever crops or pastes the picture must take the word along."""
    table = _table(tmp_path, FOUR, simulated=True)
    for drawing in (draw, draw_scores):
        ax = drawing(figure(4.0), table)
        box = _labels(ax)["SIMULATED"]
        assert ax.get_window_extent().fully_containsx(box.x0)
        assert ax.get_window_extent().fully_containsy(box.y1)
    real = stats.pareto(frames.trials(made_run(tmp_path / "real", FOUR)))
    for drawing in (draw, draw_scores):
        ax = drawing(figure(4.0), real)
        shown = [*_labels(ax), ax.get_title(loc="left")]
        assert not any("SIMULATED" in text for text in shown)


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    """A picture that changes without cause makes every commit a diff."""
    table = _table(tmp_path, FOUR)
    contents = []
    for attempt in ("1", "2"):
        paths = [tmp_path / f"{attempt}.png", tmp_path / f"{attempt}.svg"]
        plots.save(draw(figure(4.0), table), *paths)
        contents.append([path.read_bytes() for path in paths])

    assert contents[0] == contents[1]
    assert b"<dc:date>" not in contents[0][1]
    width = int.from_bytes(contents[0][0][16:20], "big")
    assert width == 900


def test_strategies_differ_in_shape_as_well_as_in_colour():
    """One reader in twelve does not see the colours."""
    styles = looks([f"s{k}" for k in range(9)])

    assert len({marker for _, marker in styles.values()}) == 9
    assert len({colour for colour, _ in list(styles.values())[:7]}) == 7


def test_a_dominated_point_is_hollow_and_crossed_and_the_key_says_what_that_means(tmp_path):
    """Without colour it must still be seen which recipes are out."""
    table = _table(tmp_path, {**FOUR, "bad": ("solo", 0.3, 0.05)}, n=60)
    assert table.set_index("recipe").loc["bad", "status"] == "dominated"

    ax = draw(figure(4.0), table)

    bad = table.set_index("recipe").loc["bad"]
    there = [line for line in ax.lines if np.allclose(line.get_xdata(), bad["cost_usd"])]
    assert {line.get_marker() for line in there} >= {"x"}
    assert "white" in {line.get_markerfacecolor() for line in there}
    meanings = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(text.startswith("crossed") for text in meanings)
    assert any(text.startswith("hollow") for text in meanings)


def test_every_point_has_its_interval_on_both_axes(tmp_path):
    """A point without interval looks like a fact."""
    table = _table(tmp_path, NINE)

    ax = draw(figure(4.0), table)

    segments = [c.get_segments()[0] for c in ax.collections]
    for s in spots(table):
        assert any(np.allclose(seg, [(s.cost, s.low), (s.cost, s.high)]) for seg in segments)
        assert any(np.allclose(seg, [(s.left, s.score), (s.right, s.score)]) for seg in segments)


def test_unknown_costs_are_named_and_lower_bounds_are_grey_with_an_arrow(tmp_path):
    """Drawn like the others, a lost bill would look like a low price."""

    def lose(row, rng):
        if row["recipe"] == "panel" and rng.random() < 0.2:
            row["cost_usd"] = None
        return row

    table = _table(tmp_path, {**FOUR, "mystery": ("moa", 0.7, None)}, tweak=lose)

    ax = draw(figure(4.0), table)

    assert "cost unknown: mystery" in ax.get_title(loc="left")
    assert "mystery" not in _labels(ax)
    assert [s.name for s in spots(table) if s.bound] == ["panel"]
    assert any("lower bound" in text.get_text() for text in ax.get_legend().get_texts())
    assert ">" in {line.get_marker() for line in ax.lines}


def test_a_recipe_that_never_answered_is_named_and_not_drawn(tmp_path):
    """At a cost of $0 it bent the axis, and stood on the frontier."""

    def fail(row, rng):
        return row | ({"failure": "auth", "cost_usd": 0.0} if row["recipe"] == "solo-b" else {})

    ax = draw(figure(4.0), _table(tmp_path, FOUR, tweak=fail))

    assert ax.get_xscale() == "log"
    assert "solo-b" not in _labels(ax)
    assert "never answered: solo-b" in ax.get_title(loc="left")


def test_without_costs_the_scores_are_drawn_sorted(tmp_path):
    """Imported verdicts have no costs; an empty Pareto plot would help nobody."""
    table = _table(tmp_path, {name: (s, m, None) for name, (s, m, _) in NINE.items()})
    assert not has_costs(table)

    ax = plots.pareto(table, figure(4.0).add_subplot())

    ranked = list(table.sort_values("score")["recipe"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ranked


def test_free_recipes_are_drawn_on_a_linear_axis(tmp_path):
    """A cost of 0 has no place on a logarithmic axis, and must not be moved to one."""
    ax = draw(figure(4.0), _table(tmp_path, {**FOUR, "free": ("solo", 0.4, 0.0)}))

    assert ax.get_xscale() == "linear"
    assert "linear" in ax.get_xlabel()
    assert "free" in _labels(ax)


def test_the_axes_given_are_the_axes_returned_and_trials_do_as_well(tmp_path):
    """A notebook draws two runs side by side."""
    trials = frames.trials(made_run(tmp_path / "run", FOUR))
    ax = figure(5.0).add_subplot()

    assert plots.pareto(trials, ax=ax) is ax


def test_names_with_signs_of_mathematics_are_drawn_as_they_are(tmp_path):
    """`$x$` in a recipe name would end in a parse error at the end of a paid run."""
    ax = draw(figure(4.0), _table(tmp_path, {"a$b_{$": FOUR["solo-a"], "x^2$\n": FOUR["panel"]}))

    plots.save(ax, tmp_path / "odd.png")


def test_names_in_any_script_are_drawn_without_a_word_on_stderr(tmp_path, recwarn, caplog):
    """A Chinese name gave a page of glyph warnings, between the user and the table."""
    names = {
        "单独-甲": FOUR["solo-a"],
        "小组\u0e01": FOUR["panel"],
        "\U0001f984": ("投票", 0.6, None),
    }
    many = {f"{name}{k}": value for name, value in names.items() for k in range(6)}

    for recipes in (names, many, {n: (s, m, None) for n, (s, m, _) in names.items()}):
        table = _table(tmp_path, recipes)
        drawing = draw if has_costs(table) else draw_scores
        plots.save(drawing(figure(4.0), table), tmp_path / "x.png", tmp_path / "x.svg")

    assert [str(warning.message) for warning in recwarn] == []
    assert caplog.text == ""


def test_one_recipe_on_one_task_can_be_drawn(tmp_path):
    """The first try of every user."""
    ax = draw(figure(4.0), _table(tmp_path, {"only": FOUR["panel"]}, n=1))

    assert "1 recipe on 1 task," in ax.get_title(loc="left")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (0.015, "0.015"), (0.2, "0.2"), (1, "1"), (20, "20"), (1500, "1,500")],
)
def test_dollars_on_the_axis_are_never_powers_of_ten(value, text):
    """10^-3 dollars is not a price that anyone says."""
    assert dollars(value) == rf"\${text}"


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    """Report within a notebook must not change the notebook's other figures."""
    before = dict(mpl.rcParams)

    plots.save(draw(figure(4.0), _table(tmp_path, FOUR)), tmp_path / "x.svg")

    assert dict(mpl.rcParams) == before
