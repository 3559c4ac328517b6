"""All attempts at a call, each recorded: which count, and how long is waited between them."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from fusion_eval.core import Attempt, Call, Reply, Send
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.waiting import Waits, at, backoff, span
from fusion_eval.errors import CallFailedError, DeadEndpointError


def retry(send: Send, *, attempts: int, waits: Waits | None = None) -> Send:
    """Send again what may succeed, up to `attempts` times in all.

    A refusal for too much (429) is no failure of the call: it waits as long as it is told, or backs
    off, until the model replies again. Nor is an attempt that met an endpoint that is gone.

    Raises CallFailedError with every attempt when none brought a reply, and DeadEndpointError
    where a limit lasts longer than a run waits.
    """
    waits = waits or Waits()

    async def with_attempts(call: Call) -> Reply:
        made: list[Attempt] = []
        counted = refused = 0
        refused_since: float | None = None
        while True:
            try:
                return _with(await send(call), made)
            except AttemptFailedError as problem:
                made.append(replace(problem.attempt, number=len(made) + 1))
                if problem.attempt.failure == "rate_limited":
                    refused += 1
                    refused_since = refused_since or time.monotonic()
                    if problem.refused_for_s is None:
                        problem.refused_for_s = time.monotonic() - refused_since
                    await _until_the_window_passed(call, problem, refused, waits)
                    continue
                counted += not problem.held
                if not problem.retryable or counted >= attempts:
                    failure = problem.attempt.failure or "failed"
                    raise CallFailedError(failure, problem.attempt.detail, made) from None
                if not problem.held:
                    await waits.wait(_pause(problem, counted), _waits_for(call))

    return with_attempts


async def _until_the_window_passed(
    call: Call, problem: AttemptFailedError, refused: int, waits: Waits
) -> None:
    """Wait for a limit; give the endpoint up where that lasts longer than a run waits."""
    seconds = _pause(problem, refused)
    asked = problem.retry_after_s or seconds
    if (problem.refused_for_s or 0.0) + asked > waits.most_s:
        raise DeadEndpointError(
            f"endpoint {call.model.endpoint.name!r} refuses {call.model.name!r} until "
            f"{at(asked)} ({span(asked)}) for a limit that is used up, longer than a run waits "
            f"(`limits: {{wait_s: {waits.most_s:g}}}`); run again then. It says: "
            f"{problem.attempt.detail[:200].rstrip('.')}"
        )
    await waits.wait(seconds, f"{_waits_for(call)} is at its rate limit")


def _waits_for(call: Call) -> str:
    return f"model {call.model.name!r} at endpoint {call.model.endpoint.name!r}"


def _pause(problem: AttemptFailedError, failures: int) -> float:
    """What the endpoint asks for, with a little jitter so that not all return at once."""
    if problem.retry_after_s is None:
        return backoff(failures)
    return problem.retry_after_s * (1.0 + 0.1 * random.random()) + 0.01


def _with(reply: Reply, made: list[Attempt]) -> Reply:
    if not made:
        return reply
    last = replace(reply.attempts[-1], number=len(made) + 1)
    return replace(reply, attempts=(*made, last))
