"""The coverage report at a reduced size: the defaults hold, the controls fail, the page says so."""

import dataclasses

import numpy as np
import pytest
from cover_cells import CELLS, Cell, Measured, measure
from cover_worlds import HERON, KESTREL, draw, population
from made_worlds import noise, worlds
from write_coverage import EVERY, TITLES, due, key, page, worse, write

TASKS = 300
"""Tasks of a population here; the report takes 2,000."""


def _cell(name, world="DRACO-like", n=30, repeats=1):
    return next(c for c in CELLS if (c.name, c.world, c.n, c.repeats) == (name, world, n, repeats))


def _few(name):
    """The slow ones are measured on fewer worlds."""
    return 300 if name.startswith("fe.compare") else min(worlds(), 1_000)


NAMES = list(dict.fromkeys(c.name for c in CELLS if c.kind in {"coverage", "false alarms"}))


@pytest.mark.simulation
@pytest.mark.parametrize("name", NAMES)
def test_every_default_holds_in_a_world_like_draco(name):
    """One world and size of the report per default; `make coverage` measures all of them."""
    world = "failures" if name.startswith("failure rate") else "DRACO-like"
    cell, count = _cell(name, world), _few(name)

    found = measure(cell, count, tasks=TASKS)

    slack = 0.02 + noise(cell.nominal, count)
    if cell.kind == "coverage":
        assert found.rate >= cell.nominal - slack
    else:
        assert found.rate <= cell.nominal + slack


@pytest.mark.simulation
def test_the_controls_fail_as_they_must():
    """If the wrong methods looked right here, the report would prove nothing."""
    count = min(worlds(), 1_000)
    rate = {
        name: measure(_cell(name, n=n, repeats=k), count, tasks=TASKS).rate
        for name, n, k in (
            ("control: criteria counted as tasks", 30, 1),
            ("control: percentile bootstrap of a difference", 10, 1),
            ("control: repeats counted as tasks, false alarms", 30, 3),
            ("control: unpaired Welch test, 5 points ahead", 30, 1),
            ("sign flips, 5 points ahead", 30, 1),
        )
    }

    assert rate["control: criteria counted as tasks"] < 0.8
    assert rate["control: percentile bootstrap of a difference"] < 0.93
    assert rate["control: repeats counted as tasks, false alarms"] > 0.1
    assert (
        rate["control: unpaired Welch test, 5 points ahead"]
        < 0.5 * (rate["sign flips, 5 points ahead"])
    )


def test_the_truth_of_a_population_is_what_its_draws_average_to():
    """A truth that is off by a point makes every rate in the report wrong."""
    whole = population("DRACO-like", False, TASKS)
    rng = np.random.default_rng(1)
    means = np.array([draw(whole, 30, 2, False, rng).score.mean(axis=1) for _ in range(2_000)])

    error = means.std(axis=0) / np.sqrt(2_000)
    assert (np.abs(means.mean(axis=0) - whole.mean) < 4 * error).all()
    assert abs(whole.mean[KESTREL] - whole.mean[HERON]) > 0.001


def test_drawn_domains_are_ten_clusters_with_tasks_of_one_domain_each():
    """Domains drawn twice must count as two, or clusters would be fewer than they are."""
    whole = population("DRACO-like", True, TASKS)

    found = draw(whole, 30, 1, True, np.random.default_rng(2))

    assert sorted(np.bincount(found.clusters)) == [3] * 10
    for label in range(10):
        assert len(set(whole.domain[found.tasks[found.clusters == label]])) == 1


def test_cells_are_told_apart_and_cover_what_was_promised():
    """Two cells under one key would overwrite each other in the report."""
    every = [cell for group in EVERY for cell in group]

    assert len({key(cell) for cell in every}) == len(every)
    for kind in TITLES:
        some = [cell for cell in every if cell.kind == kind]
        assert {cell.n for cell in some} >= {10, 30, 100}
        assert len({cell.world for cell in some}) >= 4
    assert {cell.repeats for cell in every} >= {1, 3}
    assert {cell.clusters for cell in every} == {True, False}


def test_a_stopped_report_goes_on_with_what_is_missing_or_was_measured_less():
    """Hours of simulation lost to a stop would make nobody run it again."""
    one, two, three = CELLS[:3]
    known = {
        key(cell): Measured(cell=cell, rate=0.95, repetitions=count)
        for cell, count in ((one, 2_000), (two, 500))
    }

    assert due(CELLS[:3], known, "", 2_000) == [two, three]
    assert due(CELLS[:3], known, "", 500) == [three]
    assert due(CELLS[:2], known, one.name, 500) == [one, two]
    slow = dataclasses.replace(two, share=0.25)
    assert due([one, slow], known, "", 2_000) == []


def test_the_page_names_what_falls_short_and_what_is_worse_than_the_reference(tmp_path):
    """A report that praises itself whatever was measured is decoration."""

    def measured(rate, **changes):
        return Measured(cell=dataclasses.replace(CELLS[0], **changes), rate=rate, repetitions=2_000)

    good, short = measured(0.95, found=0.96), measured(0.90, world="needle", found=0.95)
    assert not worse(good)
    assert worse(short)
    assert not worse(measured(0.05, kind="false alarms", found=0.05))
    assert worse(measured(0.09, kind="false alarms", found=0.05))

    rare = measured(0.95, n=30)
    assert "(400)" in page([good, short, dataclasses.replace(rare, repetitions=400)])
    text = page([good, short])
    assert "**Where 95 % is not reached.**" in text
    assert "needle, n = 10, k = 1: 0.900" in text
    assert "**Worse than the reference by more than 1.5 %:**" in text
    assert ".950 (.960)" in text
    assert "falls short" in page([good])
    assert "SIMULATED" in text
    write([good, short], tmp_path)
    assert (tmp_path / "coverage.png").stat().st_size > 10_000
    assert len((tmp_path / "coverage.csv").read_text().splitlines()) == 3


def test_a_cell_is_a_function_of_its_seed():
    """Numbers in the docs that nobody can get again are rumours."""
    cell: Cell = _cell("paired difference, t")

    assert measure(cell, 50, TASKS) == measure(cell, 50, TASKS)
    rates = {measure(cell, 50, TASKS, seed=seed).rate for seed in range(5)}
    assert len(rates) > 1
