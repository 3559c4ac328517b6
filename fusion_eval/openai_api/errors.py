"""OpenAI's error object, and the exception for a request that cannot be used."""

from __future__ import annotations

from typing import Any

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


class BadRequestError(Exception):
    """A request that cannot be used: HTTP 400, or another status where one says more.

    `param` is the field that is to blame, `code` OpenAI's word for what is wrong with it.
    """

    def __init__(
        self, message: str, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        self.message = message
        self.param = param
        self.code = code
        self.status = status
        super().__init__(message)


def error_kind(status: int) -> str:
    """The `type` of an error object with this status."""
    return _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")


def error_body(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`."""
    error = {"message": message, "type": error_kind(status), "param": param, "code": code}
    return {"error": error}
