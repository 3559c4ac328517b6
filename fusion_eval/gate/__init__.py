"""A CI gate on quality with a known false-alarm rate: pass, fail, or an honest "cannot tell"."""

from fusion_eval.gate import words
from fusion_eval.gate.baseline import Baseline, freeze, read_baseline
from fusion_eval.gate.check import gate
from fusion_eval.gate.policy import read_policy
from fusion_eval.gate.values import Checked, Outcome, Policy

__all__ = [
    "Baseline", "Checked", "Outcome", "Policy", "freeze", "gate", "read_baseline", "read_policy",
    "words",
]  # fmt: skip
