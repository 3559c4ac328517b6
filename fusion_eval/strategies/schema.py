"""Rules of a strategy's parameters that need to see another parameter.

They stand in the annotation, beside the limits of pydantic's `Field`:
`weights: Annotated[tuple[float, ...], LengthOf("members")] = ()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LengthOf:
    """As many values as another parameter has, or `less` fewer."""

    other: str
    less: int = 0

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the parameter `name`, if anything."""
        given, others = values.get(name), values.get(self.other)
        if given is None or others is None or len(given) == len(others) - self.less:
            return None
        wanted = len(others) - self.less
        which = f"one for each of {self.other}" + (" but the last" if self.less else "")
        return f"{name} has {len(given)} values and needs {wanted}, {which}"
