"""Errors in whatever form endpoints send them, as failed attempts with the endpoint's sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.core import Attempt
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.replies import waits
from fusion_eval.engine.replies.usage import NOTHING, Bill, object_
from fusion_eval.engine.replies.words import failure_word

_SENTENCE, _KEPT = 2000, 300  # characters that are read of an endpoint's sentence, and kept
_SAYS = ("message", "msg", "error_message", "error_msg", "errmsg", "detail", "title", "reason",
         "error_description", "description", "status_msg")  # fmt: skip
_CODES = ("code", "type", "status", "status_code", "error_code", "errcode", "error_type", "reason",
          "param")  # fmt: skip
_GONE = frozenset({502, 503, 504, 520, 521, 522, 523, 525, 529, 530})
"""Statuses by which gateways say that nobody behind them can answer."""
_FREE = frozenset({"rate_limited", "no_credit", "not_allowed", "not_found", "bad_request"})
"""Refusals, which nobody bills."""


def attempt_failed(
    failure: str,
    detail: str,
    took_s: float,
    *,
    billed: bool | None = None,
    bill: Bill = NOTHING,
    wait_s: float | None = None,
    **marks: bool,
) -> AttemptFailedError:
    """A failed attempt; with a bill that its body tells, that is what it cost."""
    told = bill.usage is not None or bill.cost is not None
    attempt = Attempt(
        number=0,
        failure=failure,
        detail=detail[:_KEPT],
        latency_s=took_s,
        usage=bill.usage,
        cost_reported=bill.cost,
        billed=True if told and billed is None else billed,
    )
    return AttemptFailedError(attempt, wait_s, **marks)


def refused(
    status: int, body: object, text: str, headers: Mapping[str, str], took_s: float
) -> AttemptFailedError:
    """An answer with a status that is an error; `body` is its JSON, where it has any."""
    error = body if (inside := error_in(body)) is None else inside
    sentence = sentence_of(error) or " ".join(text[:_SENTENCE].split())
    word = failure_word(status, codes_of(error), sentence) or "bad_request"
    return attempt_failed(
        word,
        f"status {status}: {sentence}",
        took_s,
        billed=False if word in _FREE else None,
        wait_s=_wait(error, sentence, headers),
        gone=status in _GONE,
    )


def error_under_200(
    error: object, headers: Mapping[str, str], took_s: float, bill: Bill = NOTHING
) -> AttemptFailedError:
    """An error that stands where a completion should, or inside of a choice."""
    sentence = sentence_of(error) or str(error)[:_KEPT]
    codes = codes_of(error)
    status = next((int(code) for code in codes if code.isdigit() and len(code) == 3), None)
    word = failure_word(status, codes, sentence) or "provider_error"
    word = "provider_error" if word in ("server_error", "timeout") else word
    said = f"{codes[0]}: {sentence}" if codes and codes[0] not in sentence else sentence
    return attempt_failed(
        word,
        said,
        took_s,
        billed=False if word in _FREE else None,
        bill=bill if word not in _FREE else NOTHING,
        wait_s=_wait(error, sentence, headers),
    )


def error_in(body: object) -> object:
    """The error object, list or word of a body that is no completion; None where it has none."""
    value = object_(body)
    for name in ("error", "errors", "detail", "base_resp", "fault"):
        if says_something(value.get(name)):
            return value[name]
    named = str(value.get("object") or value.get("type") or value.get("status") or "")
    told = "error" in named.lower() or value.get("success") is False or "choices" not in value
    return value if told and any(value.get(name) for name in _SAYS) else None


def says_something(error: object) -> bool:
    """False for the empty error objects that some gateways send with every good reply."""
    if not isinstance(error, dict):
        return bool(error)
    return any(value not in (None, "", 0, "0", 200, "200", "success", "ok", {}, [])
               for value in error.values())  # fmt: skip


def sentence_of(error: object) -> str:
    """What an error says, in one line; with what a provider behind the endpoint said."""
    if isinstance(error, str):
        return " ".join(error[:_SENTENCE].split())
    if isinstance(error, list):
        return "; ".join(filter(None, map(_item, error[:5])))
    value = object_(error)
    texts = (value.get(name) for name in _SAYS)
    said = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    if not said and says_something(value.get("error")):
        return sentence_of(value["error"])
    raw = object_(value.get("metadata")).get("raw")
    behind = f" ({raw})" if isinstance(raw, str) and raw.strip() else ""
    return " ".join(f"{said}{behind}"[:_SENTENCE].split())


def _item(item: object) -> str:
    """One of several errors; validators name the place (`loc`) beside what they say (`msg`)."""
    place = object_(item).get("loc")
    where = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
    return where + sentence_of(item) if sentence_of(item) else ""


def codes_of(error: object) -> list[str]:
    """Codes, types and statuses of an error, most telling first."""
    if isinstance(error, str):
        return [error] if len(error) < 60 and " " not in error.strip() else []
    if isinstance(error, list):
        return [code for item in error[:5] for code in codes_of(item)]
    value = object_(error)
    inner = codes_of(value["error"]) if "error" in value and value["error"] is not error else []
    own = [value.get(name) for name in _CODES]
    return [_code(code) for code in own if isinstance(code, str | int) and code] + inner


def _code(code: Any) -> str:
    return str(code).strip()[:80]


def _wait(error: object, sentence: str, headers: Mapping[str, str]) -> float | None:
    seconds = waits.from_headers(headers)
    return seconds if seconds is not None else waits.from_error(error, sentence)
