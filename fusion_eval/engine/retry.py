"""All attempts at a call, each recorded: waiting is stamina's, deciding is ours."""

from __future__ import annotations

import logging
import random
from dataclasses import replace

import stamina

from fusion_eval.core import Attempt, Call, Reply, Send
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.errors import CallFailedError

logging.getLogger("stamina").addHandler(logging.NullHandler())  # attempts are in the tables


def _again(problem: Exception) -> bool | float:
    """Whether to try again; a Retry-After is obeyed, with a little jitter so that not all return
    in the same moment."""
    if not isinstance(problem, AttemptFailedError) or not problem.retryable:
        return False
    if problem.retry_after_s is None:
        return True
    return problem.retry_after_s * (1.0 + 0.1 * random.random()) + 0.01


def retry(send: Send, *, attempts: int) -> Send:
    """Send again what may succeed, up to `attempts` times in all.

    Raises CallFailedError with every attempt when none brought a reply.
    """

    async def with_attempts(call: Call) -> Reply:
        made: list[Attempt] = []
        try:
            return await _first_that_replies(send, call, attempts, made)
        except AttemptFailedError as problem:
            failure = problem.attempt.failure or "failed"
            raise CallFailedError(failure, problem.attempt.detail, made) from None

    return with_attempts


async def _first_that_replies(send: Send, call: Call, attempts: int, made: list[Attempt]) -> Reply:
    try:
        return _with(await send(call), made)
    except AttemptFailedError as problem:
        made.append(replace(problem.attempt, number=1))
        if attempts == 1 or not problem.retryable:
            raise
        first = problem
    async for attempt in stamina.retry_context(
        on=_again, attempts=attempts, timeout=None, wait_initial=0.5, wait_max=30.0
    ):
        with attempt:
            if attempt.num == 1:
                raise first
            try:
                return _with(await send(call), made)
            except AttemptFailedError as problem:
                made.append(replace(problem.attempt, number=len(made) + 1))
                raise
    raise first


def _with(reply: Reply, made: list[Attempt]) -> Reply:
    if not made:
        return reply
    last = replace(reply.attempts[-1], number=len(made) + 1)
    return replace(reply, attempts=(*made, last))
