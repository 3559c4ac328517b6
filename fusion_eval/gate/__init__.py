"""A CI gate on quality with a known false-alarm rate: pass, fail, or an honest "cannot tell"."""

import sys
from types import ModuleType
from typing import Any

from fusion_eval.gate import words
from fusion_eval.gate.baseline import Baseline, read_baseline
from fusion_eval.gate.check import gate
from fusion_eval.gate.freezing import freeze
from fusion_eval.gate.policy import read_policy
from fusion_eval.gate.values import Checked, Outcome, Policy

__all__ = [
    "Baseline", "Checked", "Outcome", "Policy", "freeze", "gate", "read_baseline", "read_policy",
    "words",
]  # fmt: skip


class _Callable(ModuleType):
    """`fe.gate(run, baseline)` is what people try first, and `fe.gate` is this package."""

    def __call__(self, *args: Any, **choices: Any) -> Checked:
        """As `gate.gate`."""
        return gate(*args, **choices)


sys.modules[__name__].__class__ = _Callable
