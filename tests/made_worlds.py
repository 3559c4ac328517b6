"""How many worlds a simulation test makes, and when a rate is as it should be."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

WORLDS = {"reduced": 200, "full": 4_000}
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "stats.json").read_text())


def worlds() -> int:
    """`FUSION_EVAL_SIMULATIONS`: reduced (default), full, or a number."""
    wanted = os.environ.get("FUSION_EVAL_SIMULATIONS", "reduced")
    return WORLDS[wanted] if wanted in WORLDS else int(wanted)


def noise(rate: float, count: int) -> float:
    """Three Monte Carlo standard errors."""
    return 3 * math.sqrt(rate * (1 - rate) / count)
