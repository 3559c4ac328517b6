"""The default world beside public runs: every figure in its band, and the page that says so."""

from __future__ import annotations

from made_calibration import BIRDS, calibration, simulations
from made_rubrics import needs_public_data
from write_calibration import DOCS, document

pytestmark = needs_public_data


def test_every_figure_of_the_default_world_is_in_its_band():
    """Error rates of our statistics would be those of a world that nobody lives in."""
    outside = [r for r in calibration() if not r.low <= r.simulated <= r.high]
    assert not outside


def test_the_page_shows_the_figures_of_this_world():
    """A table that was true of an earlier world would be believed."""
    assert document() == (DOCS / "simulator.md").read_text(encoding="utf-8")
    assert (DOCS / "calibration.png").stat().st_size > 10_000


def test_a_cap_changes_which_writer_looks_best():
    """Published rankings of writers were made by a cap; a world without it would hide that."""
    for found in simulations():
        free = max(BIRDS, key=lambda b: found.mean(f"by {b}"))
        capped = max(BIRDS, key=lambda b: found.mean(f"by {b}, capped"))
        assert free != capped
