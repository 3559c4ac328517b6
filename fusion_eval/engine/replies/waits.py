"""When to come back: what headers and bodies say of limits that are used up, in seconds.

Whatever stands there, these functions return a number of seconds from 0 on, or None.
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fusion_eval.engine.replies.usage import object_

_NUMBER = r"\d{1,12}(?:\.\d{1,9})?"
_DURATION = re.compile(
    rf"(?:(?P<d>{_NUMBER})\s?d(?:ays?)?)?\s?(?:(?P<h>{_NUMBER})\s?h(?:ours?|rs?)?)?\s?"
    rf"(?:(?P<m>{_NUMBER})\s?m(?:in(?:ute)?s?)?(?!s))?\s?(?:(?P<s>{_NUMBER})\s?s(?:ec(?:ond)?s?)?)?"
    rf"\s?(?:(?P<ms>{_NUMBER})\s?m(?:illi)?s(?:ec(?:ond)?s?)?)?"
)
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SENTENCE = re.compile(
    r"(?i)\b(?:again|retry|wait|reset(?:s|ting)?|available)\b[^.\n]{0,40}?\b(?:in|after|for)\s+"
    rf"(?P<wait>{_NUMBER}\s?[a-z]+(?:\s?{_NUMBER}\s?[a-z]+){{0,3}})"
)
_RESETS = ("requests", "tokens", "requests-minute", "tokens-minute", "input-tokens",
           "output-tokens")  # fmt: skip


def from_headers(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers of a refusal ask for: `retry-after`, else a used-up limit."""
    if (value := headers.get("retry-after-ms")) is not None and (ms := _number(value)) is not None:
        return max(0.0, ms / 1000)
    if (seconds := _until(headers.get("retry-after", ""))) is not None:
        return seconds
    if (seconds := used_up(headers)) is not None:
        return seconds
    for name in ("x-ratelimit-reset-after", "x-ratelimit-reset", "ratelimit-reset"):
        if (seconds := _until(headers.get(name, ""))) is not None:
            return seconds
    return None


def used_up(headers: Mapping[str, str]) -> float | None:
    """Seconds until a limit that is used up has something left; None where none is."""
    waits = [
        _until(headers.get(f"{start}{what}{reset}", ""))
        for what in _RESETS
        for start, left, reset in (
            ("x-ratelimit-reset-", "x-ratelimit-remaining-", ""),
            ("anthropic-ratelimit-", "anthropic-ratelimit-", "-reset"),
        )
        if headers.get(f"{left}{what}" + ("-remaining" if reset else "")) == "0"
    ]
    return max((seconds for seconds in waits if seconds is not None), default=None)


def from_error(error: object, sentence: str) -> float | None:
    """Seconds that an error object asks for: OpenRouter, Gemini, or a sentence that says so."""
    value = object_(error)
    metadata = object_(value.get("metadata"))
    inside = {str(k).lower(): str(v) for k, v in object_(metadata.get("headers")).items()}
    if (seconds := from_headers(inside)) is not None:
        return seconds
    for holder in (value, metadata):
        if (ms := _number(holder.get("retry_after_ms"))) is not None:
            return max(0.0, ms / 1000)
        for name in ("retry_after", "retry_after_seconds", "retryAfter", "retryDelay"):
            if name in holder and (seconds := _until(str(holder[name]))) is not None:
                return seconds
    details = value.get("details")
    for detail in details if isinstance(details, list) else ():
        if (seconds := duration(str(object_(detail).get("retryDelay", "")))) is not None:
            return seconds
    match = _SENTENCE.search(sentence[:2000])
    return duration(match["wait"]) if match else None


def duration(text: str) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `20ms`, `7h12m`, `30 seconds` or `7`."""
    text = text.strip()
    if (seconds := _number(text)) is not None:
        return max(0.0, seconds)
    match = _DURATION.fullmatch(text.lower()) if 0 < len(text) < 60 else None
    if match is None:
        return None
    parts = match.groupdict().items()
    return sum(float(value) * _UNITS[unit] for unit, value in parts if value)


def _until(text: str) -> float | None:
    """Seconds of a duration, or until a date: HTTP's, ISO's, or Unix time in s or ms."""
    now = time.time()
    if (seconds := duration(text)) is not None:
        if seconds > 1e11:
            return max(0.0, seconds / 1000 - now)
        return max(0.0, seconds - now) if seconds > 1e9 else seconds
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - now)
    return None


def _number(value: Any) -> float | None:
    with suppress(ValueError, TypeError, OverflowError):
        number = float(value)
        return number if math.isfinite(number) and not isinstance(value, bool) else None
    return None
