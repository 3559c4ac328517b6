"""Every way in which a request gets no answer, as a status and OpenAI's error object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from fusion_eval.errors import BudgetError, DeadEndpointError, FusionEvalError, bug_line
from fusion_eval.openai_api import BadRequestError, error_body
from fusion_eval.serving.outcome import Outcome
from fusion_eval.serving.upstream import until_tomorrow_s

CLIENT_LEFT = 499
"""The status under which a request is counted whose client left; nobody reads it."""


class Refused(Exception):
    """A request that is not answered: what the client is told, and what stands in the `log`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
        fusion: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        log: str = "",
    ) -> None:
        self.status = status
        self.log = log
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)
        self.body = error_body(status, message, param, code) | dict(fusion or {})
        super().__init__(message)

    @property
    def response(self) -> Response:
        """What is sent."""
        return json_response(self.body, self.status, self.headers)


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON document."""
    content = json.dumps(value, allow_nan=False)
    return Response(content, status, dict(headers or {}), media_type="application/json")


_STATUS = {"timeout": 504, "rate_limited": 503, "no_answer": 502}


def failed(outcome: Outcome) -> Refused:
    """The refusal for a recipe that has no answer, with the bill of what was tried."""
    failure = outcome.failure or "failed"
    passed = "passed_to" in outcome.notes
    name, detail = outcome.recipe.name, outcome.trial.detail
    if passed and failure == "bad_request":
        message = f"The model that this request was passed to refuses it: {detail[:500]}"
        return Refused(400, message, code="upstream_bad_request", fusion=outcome.extra)
    return Refused(
        _STATUS.get(failure, 502),
        f"Recipe {name!r} has no answer: its models failed ({failure}).",
        code=f"upstream_{failure}",
        fusion=outcome.extra,
        headers=outcome.headers,
        log=f"{name}: {failure}: {detail}",
    )


def refusal_of(problem: BaseException) -> Refused:
    """The refusal for whatever answering has raised."""
    if isinstance(problem, Refused):
        return problem
    if isinstance(problem, BadRequestError):
        code, param = problem.code, problem.param
        return Refused(problem.status, problem.message, param=param, code=code)
    log = str(problem)
    if isinstance(problem, BudgetError):
        message = "The dollars of this day do not cover this request."
        wait = until_tomorrow_s()
        return Refused(429, message, code="insufficient_quota", retry_after_s=wait, log=log)
    if isinstance(problem, DeadEndpointError):
        message = "An endpoint behind this recipe does not answer at present."
        return Refused(503, message, code="upstream_gone", retry_after_s=10, log=log)
    message = "The server could not answer; its log says why."
    if isinstance(problem, FusionEvalError):
        return Refused(500, message, code="server_error", log=log)
    log = bug_line(problem) if isinstance(problem, Exception) else type(problem).__name__
    return Refused(500, message, code="internal_error", log=log)
