"""The example that `init` writes: how often its gate is red by luck, or misses 20 points.

`make gatepromises` draws 200 seeds by the simulator's direct sampler; the suite draws fewer.
"""

from __future__ import annotations

import shutil
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from made_gates import said, side, word
from made_worlds import WORLDS, noise, worlds

import fusion_eval
from fusion_eval.api import settled
from fusion_eval.gate import read_policy
from fusion_eval.simulator import load_world
from fusion_eval.simulator.direct import Sample, sample

HOME = Path(fusion_eval.__file__).parent / "presets" / "starter"
BEFORE, NOW = 4, 2
"""Repeats of the baseline and of the run, as in the workflow."""
LOSS = 0.20


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    """What the gate says of an unchanged project and of one that lost 20 points, seed by seed."""
    folder = tmp_path_factory.mktemp("init")
    for name in ("tasks.yaml", "bench.yaml"):
        shutil.copy(HOME / name, folder)
    policy = read_policy(HOME / "policy.yaml")
    (name,) = policy.recipes or ()
    seeds = 200 if worlds() >= WORLDS["full"] else 40
    drawn = _drawn(folder, name, seeds)
    score = np.where(drawn.failed[0], np.nan, drawn.score[0]).reshape(-1, seeds, BEFORE + NOW)
    lost = score * (1 - LOSS / np.nanmean(score))  # in proportion, so that no score is below 0
    found = {"unchanged": Counter[str](), "worse": Counter[str]()}
    for k in range(seeds):
        old = _side(score[:, k, :BEFORE], name)
        for what, values in (("unchanged", score), ("worse", lost)):
            found[what][word(said(_side(values[:, k, BEFORE:], name), old, policy))] += 1
    print(found)
    return found


@cache
def _drawn(folder: Path, name: str, seeds: int) -> Sample:
    tasks, bench, _ = settled(folder / "tasks.yaml", folder / "bench.yaml")
    rng = np.random.default_rng(19)
    runs = seeds * (BEFORE + NOW)
    return sample(load_world("default"), tasks.tasks, [bench.recipes[name]], runs, rng)


def _side(values: np.ndarray, recipe: str):
    failed = np.isnan(values)
    return side(np.nan_to_num(values), failed=failed if failed.any() else None, recipe=recipe)


pytestmark = pytest.mark.simulation


def test_an_unchanged_example_is_green_in_nine_of_ten_runs_and_red_in_one_of_twenty(words):
    """A newcomer whose first pull request is red by luck switches the gate off."""
    count = words["unchanged"].total()
    passed, failed = (words["unchanged"][name] / count for name in ("pass", "fail"))

    assert passed >= 0.90 - (0 if count >= 200 else noise(0.10, count))
    assert failed <= 0.05 + (0 if count >= 200 else noise(0.05, count))


def test_an_example_that_lost_twenty_points_is_red_in_nineteen_of_twenty_runs(words):
    """`cannot tell` of a loss of 20 points has the exit code of an unlucky run."""
    count = words["worse"].total()

    assert words["worse"]["fail"] / count >= 0.95 - (0 if count >= 200 else noise(0.05, count))
