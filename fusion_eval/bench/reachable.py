"""Before the first call: do all endpoints answer, and do they know the models?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fusion_eval.bench.refuse import unlisted
from fusion_eval.core import Endpoint, Model
from fusion_eval.engine.client import Clients
from fusion_eval.errors import EndpointError
from fusion_eval.loading.urls import broken_proxy


async def models_at(clients: Clients, endpoint: Endpoint) -> frozenset[str] | None:
    """The models that an endpoint lists, None where it has no list.

    Raises EndpointError where the first call could not succeed: no key, no answer, or a proxy of
    the environment that nothing can go through.
    """
    if endpoint.simulator is None and (problem := broken_proxy(endpoint.base_url)):
        raise EndpointError([f"endpoint {endpoint.name!r}: {problem}"])
    return await clients.check(endpoint)


async def reachable(clients: Clients, models: Sequence[Model]) -> None:
    """Raise EndpointError with all problems: nobody should pay for half of the calls first."""
    endpoints = {m.endpoint.name: m.endpoint for m in models}
    checks = (models_at(clients, endpoint) for endpoint in endpoints.values())
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
