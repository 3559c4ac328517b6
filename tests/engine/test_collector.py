"""The garbage collector is put off while a run lasts, and nobody finds it changed afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from fusion_eval.engine.collector import seldom


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    before, enabled = gc.get_threshold(), gc.isenabled()
    yield
    gc.set_threshold(*before)
    (gc.enable if enabled else gc.disable)()


def test_a_notebook_finds_its_collector_as_it_was_after_a_run():
    """Hurt: an analyst whose session grows for hours after one `fe.run`."""
    gc.set_threshold(700, 10, 10)
    thresholds: list[int] = []

    def stopped_run() -> None:
        with seldom():
            thresholds.append(gc.get_threshold()[0])
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        stopped_run()
    assert thresholds[0] > 700
    assert gc.get_threshold() == (700, 10, 10)
    assert gc.get_freeze_count() == 0


def test_of_two_runs_at_once_the_one_that_ends_last_leaves_nothing_behind():
    """Hurt: whoever runs two benches in two threads, and keeps a setting for ever."""
    gc.set_threshold(700, 10, 10)
    first, second = seldom(), seldom()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


def test_whoever_has_turned_the_collector_off_keeps_it_off():
    """Hurt: a program that collects by hand."""
    gc.disable()
    with seldom():
        assert not gc.isenabled()
    assert not gc.isenabled()
