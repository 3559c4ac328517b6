"""No more calls in flight than the system has file descriptors for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Bench
from fusion_eval.engine.descriptors import connections


def within_descriptors(bench: Bench, say: Callable[[str], None]) -> Bench:
    """The bench with so many calls in flight as can be; `say` hears where that is fewer.

    `max_in_flight` is of each endpoint, and connections to one stay open while another is asked.
    """
    wanted = bench.limits.max_in_flight
    places = len({m.endpoint.name for m in models_used(bench) if not m.endpoint.simulator})
    most = max(1, connections(wanted * places) // places) if places else wanted
    if most >= wanted:
        return bench
    say(
        f"{most:,} calls in flight and not {wanted:,}: this system lets a process open no more "
        "files; raise the limit with `ulimit -n`"
    )
    return replace(bench, limits=replace(bench.limits, max_in_flight=most))
