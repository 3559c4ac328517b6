"""Base of the values that come from files, and their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class Value(BaseModel):
    """Base of values read from files: frozen; an unknown key or an infinite number is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changes. What was worked out from the old fields, as a hash, is forgotten."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _encode(value)


def digest(value: object) -> str:
    """SHA-256, in hex, of a JSON value; half a surrogate pair in a text does not stop it."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
