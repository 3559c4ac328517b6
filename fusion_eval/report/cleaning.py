"""Results as JSON takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fusion_eval.core import Estimate


def clean(value: Any) -> Any:
    """The same for JSON: estimates as objects, plain numbers, nothing infinite or NaN (null)."""
    if isinstance(value, Estimate):
        return clean(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if hasattr(value, "item"):  # a numpy scalar
        return clean(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
