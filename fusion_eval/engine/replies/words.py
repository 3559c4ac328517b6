"""What providers call things, in our words: one table for ends, one for failures."""

from __future__ import annotations

import re

STOP, LENGTH, REFUSAL, TOOL_CALLS, ERROR = "stop", "length", "refusal", "tool_calls", "error"
"""How a reply may end: by itself, cut off, filtered or refused, in a call of a tool, or because
something broke at the provider."""

_ENDS = {
    STOP: "stop end end_turn eos eos_token end_of_text end_of_turn stop_sequence stop_token "
    "complete completed done finished normal success pause_turn",
    LENGTH: "length max_tokens max_token max_output_tokens max_new_tokens max_completion_tokens "
    "max_length max_context_length model_length context_length context_length_exceeded "
    "context_window model_context_window_exceeded token_limit tokens_limit output_limit "
    "length_limit truncated incomplete",
    REFUSAL: "content_filter content_filtered content_filter_error content_policy "
    "content_policy_violation contentfilter filtered safety recitation sensitive blocklist blocked "
    "prohibited_content spii image_safety image_prohibited_content image_recitation language "
    "refusal refused moderation moderated guardrail guardrail_intervened model_armor censored "
    "error_toxic data_inspection_failed risk_control",
    TOOL_CALLS: "tool_calls tool_call tool_use tool_uses tools function_call function_calls",
    ERROR: "error errored network_error abort aborted cancel cancelled canceled "
    "insufficient_system_resource timeout timed_out server_error internal_error "
    "internal_server_error upstream_error provider_error model_error overloaded failed failure "
    "failed_generation malformed_function_call unexpected_tool_call malformed_response "
    "service_unavailable disconnected interrupted",
}
FINISH = {spelling: word for word, spellings in _ENDS.items() for spelling in spellings.split()}
"""How a reply ended, as providers spell it (lower case, `_` between words) -> our word."""

_PREFIX = re.compile(r"^finish_?reason_")


def finish_word(said: object) -> str | None:
    """How a reply ended; a spelling that no table has stays as it is, nothing said is None."""
    if isinstance(said, dict):
        said = said.get("type") or said.get("reason") or said.get("value")
    if said is None or said == "" or isinstance(said, list | dict):
        return None
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(said)[:60])
    plain = _PREFIX.sub("", re.sub(r"[\s.\-_]+", "_", words.strip()).casefold())
    return FINISH.get(plain, plain)


_FAILURES = {
    "no_credit": "insufficient_quota billing_hard_limit_reached billing_not_active "
    "insufficient_balance insufficient_credits insufficient_funds insufficient_user_quota "
    "payment_required credits_exhausted credit_exhausted out_of_credits quota_exhausted "
    "exceeded_current_quota_error accountoverdueerror arrearage 1113",
    "rate_limited": "rate_limit_exceeded rate_limit_error rate_limit_reached rate_limit "
    "rate_limited ratelimit_exceeded ratelimiterror too_many_requests resource_exhausted "
    "requests_limit_exceeded tokens_limit_exceeded limit_requests throttled throttling "
    "throttlingexception engine_overloaded_error",
    "not_allowed": "invalid_api_key incorrect_api_key authentication_error unauthorized "
    "unauthenticated permission_denied permission_error forbidden access_denied "
    "authenticationerror permissiondeniederror account_deactivated",
    "not_found": "model_not_found not_found not_found_error notfounderror model_not_exist "
    "model_not_available invalid_model",
    "bad_request": "invalid_request_error invalid_request bad_request badrequesterror "
    "invalid_argument context_length_exceeded string_above_max_length invalid_value "
    "unsupported_value unsupported_parameter invalid_parameter_error unprocessable_entity "
    "content_policy_violation failed_precondition",
}
FAILURES = {code: word for word, codes in _FAILURES.items() for code in codes.split()}
"""Codes and types of errors, as providers spell them -> our word for the failure."""

_STATUS = {400: "bad_request", 401: "not_allowed", 402: "no_credit", 403: "not_allowed",
           404: "not_found", 405: "bad_request", 408: "timeout", 409: "server_error",
           410: "not_found", 413: "bad_request", 415: "bad_request", 422: "bad_request",
           425: "server_error", 429: "rate_limited"}  # fmt: skip
_NO_CREDIT = re.compile(
    r"(?i)insufficient (?:account |user )?(?:balance|credits?|funds)|out of credits?|no credits? "
    r"left|credit balance is too low|requires more credits|余额不足|欠费"
)


def failure_word(status: int | None, codes: list[str], sentence: str) -> str | None:
    """The failure that a status (of HTTP, or told in a body), its codes and its sentence mean.

    That the money is gone outranks the rest: OpenAI and others say so under 429. None where
    nothing of it is known.
    """
    named = [FAILURES[code] for code in map(str.casefold, codes) if code in FAILURES]
    if "no_credit" in named or _NO_CREDIT.search(sentence[:2000]):
        return "no_credit"
    if status is not None and 500 <= status < 600:
        return "rate_limited" if "rate_limited" in named else "server_error"
    if status is not None and 400 <= status < 500:
        return _STATUS.get(status, "bad_request")
    return named[0] if named else None
