"""From files to one number per task and recipe."""

import numpy as np
import pandas as pd
import pytest
from made_runs import trial, trials_of, write_run

from fusion_eval import frames, plots, stats
from fusion_eval.errors import StatisticsError, TableError
from fusion_eval.plots.style import figure
from fusion_eval.store import COLUMNS, write_manifest


def test_the_dictionary_explains_every_column_of_every_table_and_no_other():
    """A column without unit is guessed at; a documented one that is gone breaks scripts."""
    assert {name: list(columns) for name, columns in frames.DICTIONARY.items()} == {
        name: list(columns) for name, columns in COLUMNS.items()
    }


def test_tables_carry_whether_they_are_simulated_and_from_which_run(tmp_path):
    """A simulated number that loses its mark becomes a finding."""
    run = write_run(tmp_path / "r1", [trial("x", "a", 0.5)], simulated=True)

    for read in (frames.trials, frames.verdicts, frames.calls):
        assert read(run).attrs == {"simulated": True, "run_id": "r1"}
    assert frames.per_task(frames.trials(run.path)).attrs["simulated"] is True


def test_simulated_numbers_stay_simulated_without_their_attributes(tmp_path):
    """Read from the file itself, or two runs put together, they looked like real ones."""
    runs = [
        write_run(tmp_path / name, [trial("x", r, s, cost_usd=0.1, latency_source="simulated")
                                    for r, s in (("a", 0.5), ("b", 0.7))], simulated=True)
        for name in ("r1", "r2")
    ]  # fmt: skip
    bare = pd.read_parquet(runs[0].table("trials"))
    joined = pd.concat([frames.trials(run) for run in runs])
    real = bare.assign(latency_source="measured")

    for lost in (bare, joined):
        assert stats.pareto(lost).attrs["simulated"] is True
        assert stats.decisions(lost).attrs["simulated"] is True
        assert stats.compare(lost).attrs["simulated"] is True
        assert "SIMULATED" in stats.compare(lost).loc[0, "caveat"]
        assert "SIMULATED" in plots.pareto(lost, figure(4.0).add_subplot()).get_title(loc="left")
    assert stats.pareto(real).attrs["simulated"] is False


def test_repeats_are_averaged_within_a_task(tmp_path):
    """Rows as tasks make errors look half as large."""
    rows = [trial("x", "a", 0.2), trial("x", "a", 0.6, repeat=1), trial("y", "a", 1.0)]

    wide = frames.per_task(trials_of(tmp_path, rows))

    assert sorted(wide["a"]) == pytest.approx([0.4, 1.0])


def test_failures_are_0_or_left_out_as_asked_and_ungraded_answers_always_left_out(tmp_path):
    """Failure and missing verdict are two things; mixing them moves the headline."""
    rows = [
        trial("x", "a", 0.6),
        trial("x", "a", None, repeat=1, failure="timeout"),
        trial("y", "a", None, failure="refusal"),
        trial("z", "a", None),
        trial("z", "b", 0.3),
    ]
    trials = trials_of(tmp_path, rows)
    names = frames.per_task(trials).attrs["tasks"]

    deployed = frames.per_task(trials)["a"].rename(names)
    complete = frames.per_task(trials, missing="complete")["a"].rename(names)

    assert (deployed["x"], deployed["y"]) == pytest.approx((0.3, 0.0))
    assert complete["x"] == pytest.approx(0.6)
    assert np.isnan([complete["y"], deployed["z"], complete["z"]]).all()


def test_missing_tasks_are_named_for_each_recipe(tmp_path):
    """Means over different tasks look comparable and are not."""
    trials = trials_of(tmp_path, [trial("x", "a", 1.0), trial("x", "b", 1.0), trial("y", "a", 1.0)])

    assert frames.per_task(trials).attrs["missing"] == {"a": [], "b": ["y"]}


def test_a_task_with_one_unknown_cost_has_an_unknown_cost(tmp_path):
    """The mean of the known ones would be an invention."""
    rows = [trial("x", "a", 0.5, cost_usd=0.1), trial("x", "a", 0.5, repeat=1, cost_usd=None)]

    assert frames.per_task(trials_of(tmp_path, rows), "cost_usd")["a"].isna().all()


def test_an_unknown_treatment_and_an_unfinished_run_are_refused_with_a_hint(tmp_path):
    """A typing error must not fall back to some default; a stopped run has no tables yet."""
    with pytest.raises(StatisticsError, match="as_deployed"):
        frames.per_task(trials_of(tmp_path / "r", [trial("x", "a", 0.5)]), missing="complet")
    stopped = write_manifest(tmp_path / "stopped", {"run_id": "stopped", "status": "running"})
    with pytest.raises(TableError, match="status is 'running'"):
        frames.trials(stopped)
