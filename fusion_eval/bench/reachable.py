"""Before the first call: do all endpoints answer, and do they know the models?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fusion_eval.bench.refuse import unlisted
from fusion_eval.core import Model
from fusion_eval.engine.client import Clients
from fusion_eval.errors import EndpointError


async def reachable(clients: Clients, models: Sequence[Model]) -> None:
    """Raise EndpointError with all problems: nobody should pay for half of the calls first."""
    endpoints = {m.endpoint.name: m.endpoint for m in models}
    checks = (clients.check(endpoint) for endpoint in endpoints.values())
    answers = await asyncio.gather(*checks, return_exceptions=True)
    lists = dict(zip(endpoints, answers, strict=True))
    problems = list[str]()
    for found in lists.values():
        if isinstance(found, EndpointError):
            problems += found.problems
        elif isinstance(found, BaseException):
            raise found
    for model in models:
        listed = lists[model.endpoint.name]
        if isinstance(listed, frozenset) and (problem := unlisted(model, listed)):
            problems.append(problem)
    if problems:
        raise EndpointError(problems)
