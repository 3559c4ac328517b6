"""A world of models behind an OpenAI-compatible endpoint: the key-free default.

It is a mechanism, not a table of outcomes. Answers are text made of statements; judges, writers
and graders work on the text that they are sent. Same world, same request, same reply. The same
mechanism runs on arrays (`sample`), and what it is worth in expectation can be known (`truth`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fusion_eval.simulator.evidence import Archive
from fusion_eval.simulator.service import app
from fusion_eval.simulator.transport import serve, transport
from fusion_eval.simulator.world import World
from fusion_eval.simulator.worldfile import load_world, worlds

if TYPE_CHECKING:
    from fusion_eval.simulator.direct import Sample, sample
    from fusion_eval.simulator.expectation import Truth, truth

_HOMES = {  # these need numpy, which serving does not
    "Sample": "fusion_eval.simulator.direct",
    "sample": "fusion_eval.simulator.direct",
    "Truth": "fusion_eval.simulator.expectation",
    "truth": "fusion_eval.simulator.expectation",
}

__all__ = [
    "Archive",
    "Sample",
    "Truth",
    "World",
    "app",
    "load_world",
    "sample",
    "serve",
    "transport",
    "truth",
    "worlds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
