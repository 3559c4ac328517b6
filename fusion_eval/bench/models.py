"""Models of a bench file: entries with their endpoints, worlds and prices put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fusion_eval.core import Endpoint, Model, digest
from fusion_eval.core.price import tier_of
from fusion_eval.engine.prices import window
from fusion_eval.errors import InputError
from fusion_eval.loading.bench import EndpointEntry, ModelEntry, Sampling, price_from
from fusion_eval.simulator import World, load_world

SAMPLING = set(Sampling.model_fields)
"""Names of the parameters that are sent with a request."""


def found_worlds(
    endpoints: Mapping[str, EndpointEntry], problem: Callable[[Sequence[str], str], None]
) -> dict[str, World]:
    """The world behind each endpoint that is a simulator; `problem` hears what is wrong."""
    worlds: dict[str, World] = {}
    for name, entry in endpoints.items():
        if entry.simulator is None:
            continue
        try:
            worlds[name] = load_world(entry.simulator)
        except InputError as error:
            for text in error.problems:
                problem(("endpoints", name, "simulator"), text)
    return worlds


def made(
    name: str, entry: ModelEntry, endpoint: EndpointEntry, world: World | None, tasks_hash: str
) -> Model:
    """A model; behind a simulator, world and tasks stand in its URL, and prices are its own."""
    url, price = endpoint.base_url or "", None
    if world is not None:
        url = f"http://simulator/{digest([world.digest, tasks_hash])[:16]}/v1"
        price = world.prices.get(entry.id)
    if entry.price is not None:
        tier = tier_of(entry.extra_body.get("service_tier"))
        price = price_from(entry.price, tier=tier)
    return Model(
        name=name,
        endpoint=Endpoint(
            name=entry.endpoint, base_url=url, **endpoint.model_dump(exclude={"base_url"})
        ),
        id=entry.id,
        params=entry.model_dump(include=SAMPLING, exclude_none=True),
        extra_body=entry.extra_body,
        price=price,
        context_window=entry.context_window or (None if world else window(entry.id, url)),
    )
