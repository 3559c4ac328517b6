"""Score against cost, or time, per task: the figure on which a recipe is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from fusion_eval import stats
from fusion_eval.plots.key import draw_key, key_lines
from fusion_eval.plots.labels import FAR, FARTHER, NEAR, place
from fusion_eval.plots.layout import room_left, settle, text_scale, wrap
from fusion_eval.plots.scales import as_prices, price_axis, unit_of
from fusion_eval.plots.scores import scores
from fusion_eval.plots.spots import Spot, bars, spots, staircase, staircase_boxes
from fusion_eval.plots.style import (
    INK,
    LOWER_BOUND,
    QUIET,
    WIDTH,
    font_names,
    given_or_new,
    is_simulated,
    looks_of,
    mark_simulated,
    plain,
    plain_text,
    recipes_phrase,
    tasks_phrase,
)
from fusion_eval.stats.frontier import NEVER

NAMES_UP_TO = 12
"""With more recipes the points carry numbers, and names stand in a key."""
_LEFT, _RIGHT, _TOP, _AXES = 0.85, 0.25, 0.5, 4.3
_BELOW, _KEY_LINE = 0.7, 0.175


def pareto(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw score (points) against what an answer costs a user who runs that recipe alone.

    Parameters
    ----------
    frame : the table of `stats.pareto` (or trials, from which that table is made first); one made
        `by="latency_s"` is drawn against seconds
    ax : where to draw; new axes by default

    Returns
    -------
    Axes. Bars are intervals on both axes. Filled markers: nobody scores as well for less, by the
    means; hollow ones are beaten; hollow ones with a cross are beaten beyond chance. An arrow
    instead of a bar: the cost is a lower bound. Recipes of unknown cost, and those that never
    answered, are named, not drawn.
    Where no cost is known, or all are zero, the scores alone are drawn (`plots.scores`).
    """
    table = as_prices(frame if "score_low" in frame.columns else stats.pareto(frame))
    if not has_costs(table):
        return scores(table, ax)
    return _draw(given_or_new(ax, height(table)), table, own=ax is None)


def draw(figure: Figure, table: pd.DataFrame) -> Axes:
    """The same into an empty figure, which is made as high as it must be."""
    return _draw(figure.add_subplot(), as_prices(table), own=True)


def has_costs(table: pd.DataFrame) -> bool:
    """Whether there is a cost above 0 to draw against, of a recipe that answered."""
    return any(s.cost > 0 for s in spots(as_prices(table)))


def _draw(ax: Axes, table: pd.DataFrame, *, own: bool) -> Axes:
    """Draw; a figure that is our `own` is sized for what stands around the axes."""
    drawn, price = spots(table), unit_of(table).word
    colours = looks_of(table)
    if own:
        _fit(ax, height(table))
    size, bottom = 1.0 if own else text_scale(ax), ax.get_window_extent().y0
    _points(ax, drawn, colours, size)
    _axes(ax, drawn, table)
    title = _title(ax, table)
    many = len(drawn) > NAMES_UP_TO
    if not own:
        _into(ax, title, size)
        draw_key(ax, drawn, colours, numbered=many, size=size, inside=True, price=price)
        settle(ax, title, bottom)
    mark = mark_simulated(ax, [(s.cost, s.score) for s in drawn], bars(ax, drawn), size)
    mark.set_visible(is_simulated(table))
    names = [s.name for s in drawn]
    reaches = [NEAR] if own else [NEAR, FARTHER]
    numbered = many or not any(_label(ax, drawn, names, mark, r, size) for r in reaches)
    if own:
        _fit(ax, height(table, numbered=numbered))
    if own or numbered != many:
        draw_key(ax, drawn, colours, numbered=numbered, size=size, inside=not own, price=price)
    if not own and numbered != many:
        settle(ax, title, bottom)
    _shorten(ax)
    if numbered:
        _label(ax, drawn, [str(k) for k in range(1, len(drawn) + 1)], mark, FAR, size)
    return ax


def _into(ax: Axes, title: Text, size: float) -> None:
    """Title and labels no longer than the axes they stand at, and ticks as small as they."""
    for text in (title, ax.xaxis.label, ax.yaxis.label):
        text.set_fontsize(float(text.get_fontsize()) * size)
    ax.tick_params(labelsize=10 * size)
    room_left(ax)
    for text in (title, ax.xaxis.label):
        wrap(text, ax.get_window_extent().width)


def _shorten(ax: Axes) -> None:
    """The longest label of the y axis that is no longer than the axis."""
    fullest = "rubric score (points, 0 to 100)"
    for words in (fullest, "score (points, 0 to 100)", "score (points)", "score"):
        ax.set_ylabel(words)
        if ax.yaxis.label.get_window_extent().height <= ax.get_window_extent().height:
            return


def _label(
    ax: Axes, drawn: Sequence[Spot], texts: Sequence[str], mark: Text, reach: float, size: float
) -> bool:
    """Label the points, clear of the staircase where that is possible; False: there is no room.

    Labels that may stand FAR are the last resort: they may then cover bars, but not each other.
    """
    at, avoid = [(s.cost, s.score) for s in drawn], bars(ax, drawn)
    if mark.get_visible():
        avoid.append(mark.get_window_extent())
    clear = [*avoid, *staircase_boxes(ax, drawn)]
    chances = [clear, avoid, []] if reach >= FAR else [clear, avoid]
    return any(place(ax, at, texts, obstacles, reach, 9.0 * size) for obstacles in chances)


def height(table: pd.DataFrame, *, numbered: bool = False) -> float:
    """Inches that the figure needs: the axes, and below them the legend or the key."""
    numbered = numbered or len(table) > NAMES_UP_TO
    return _TOP + _AXES + _BELOW + _KEY_LINE * key_lines(table, numbered=numbered)


def _fit(ax: Axes, tall: float) -> None:
    """Give the figure its height and the axes their place; the axes keep their size."""
    ax.get_figure(root=True).set_size_inches(WIDTH, tall)  # type: ignore[union-attr]
    ax.set_position((
        _LEFT / WIDTH, (tall - _TOP - _AXES) / tall, 1 - (_LEFT + _RIGHT) / WIDTH, _AXES / tall
    ))  # fmt: skip


def _points(
    ax: Axes, drawn: Sequence[Spot], colours: dict[str, tuple[str, str]], size: float
) -> None:
    for k, s in enumerate(drawn):
        colour, marker = colours[s.recipe]
        ax.vlines(s.cost, s.low, s.high, colour, lw=1.2, zorder=3)
        ax.hlines(s.score, s.left, s.right, colour, lw=1.2, zorder=3)
        if s.bound:
            ax.plot(s.right, s.score, ">", color=colour, ms=5, zorder=3)
        face = LOWER_BOUND if s.bound else colour if s.front else "white"
        ax.plot(
            s.cost, s.score, marker, mfc=face, mec=colour, mew=1.5, ms=8 * size, zorder=5,
            gid=f"point-{k}",
        )  # fmt: skip
        if s.dominated:
            ax.plot(s.cost, s.score, "x", color=INK, ms=6 * size, mew=1.3, zorder=6)
    front = staircase(drawn)
    ax.plot(
        [cost for cost, _ in front], [score for _, score in front],
        drawstyle="steps-post", color=QUIET, lw=1.0, ls=(0, (4, 3)), zorder=1,
    )  # fmt: skip


def _axes(ax: Axes, drawn: Sequence[Spot], table: pd.DataFrame) -> None:
    plain(ax)
    unit = unit_of(table)
    kind = price_axis(ax, min(s.left for s in drawn), max(s.right for s in drawn), unit)
    low, high = min(s.low for s in drawn), max(s.high for s in drawn)
    pad = 0.10 * max(high - low, 10)
    ax.set_ylim(max(-2, low - pad), min(102, high + pad))
    ax.set_xlabel(unit.label.format(kind))
    ax.set_ylabel("rubric score (points, 0 to 100)")


def _title(ax: Axes, table: pd.DataFrame) -> Text:
    silent, word = table["status"] == NEVER, unit_of(table).word
    lost = _named(f"{word} unknown", table.loc[table["cost_usd"].isna() & ~silent, "recipe"])
    lost += _named(NEVER, table.loc[silent, "recipe"])
    return ax.set_title(
        f"{'SIMULATED: score' if is_simulated(table) else 'Score'} against {word} of "
        f"{recipes_phrase(table)} on {tasks_phrase(table)}, "
        f"with {float(table.attrs.get('level', 0.95)):.0%} intervals"
        + (f"\nnot drawn, {'; '.join(lost)}" if lost else ""),
        fontsize=11, loc="left", color=INK, fontfamily=font_names(),
    )  # fmt: skip


def _named(why: str, names: pd.Series) -> list[str]:
    """`cost unknown: a, b` in a list, or an empty list."""
    shown = ", ".join(plain_text(name) for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return [f"{why}: {shown}{more}"] if len(names) else []
