"""For teams whose CI is pytest: the gate as a fixture. Loaded by pytest where this is installed.

def test_fusion_is_as_good_as_it_was(fusion_gate):
    fusion_gate("results/latest", baseline="results/baseline", margin=3)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from fusion_eval.gate import Checked

Gate = Callable[..., "Checked"]


@pytest.fixture
def fusion_gate() -> Gate:
    """A function that holds a run against a baseline and fails the test where the gate fails.

    What it cannot tell skips the test with the reason, unless `inconclusive="fail"` or the policy
    says otherwise; an incomplete run fails it. Returns `gate.Checked` for further looks.
    """
    return _gate


def _gate(
    run: str | Path = "results/latest",
    *,
    baseline: str | Path = "results/baseline",
    margin: float | None = None,
    policy: str | Path | None = None,
    inconclusive: Literal["skip", "fail", "pass"] = "skip",
) -> Checked:
    from fusion_eval.gate import Policy, gate, read_policy, words

    chosen = read_policy(policy) if policy is not None else Policy()
    if margin is not None:
        chosen = chosen.model_copy(update={"margin": margin})
    checked = gate(run, baseline, chosen)
    text = "\n".join(words.terminal(checked))
    if checked.word == "fail" or checked.incomplete or checked.not_measured:
        pytest.fail(text, pytrace=False)
    if checked.word == "inconclusive" and inconclusive != "pass":
        if inconclusive == "skip":
            pytest.skip(text)
        pytest.fail(text, pytrace=False)
    return checked
