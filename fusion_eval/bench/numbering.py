"""Which draw a request is: numbers that follow the structure of a recipe, never arrival.

Within a trial no call serves twice, so equal requests need different draws; across recipes the
same draw should be the same call, so that recipes are compared on common random numbers. Hence
each branch of a recipe counts its own equal requests, below a slot that its seat takes from the
parent. A seat whose model no sibling can reach needs no slot and goes on with the parent's count:
that is why a nested `self_fusion` shares its drafts with the same recipe standing alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusion_eval.core import Draw


class Counter:
    """The count of one model's requests in one branch. `prefix` is the branch's own slot path."""

    def __init__(self, prefix: tuple[int, ...] = ()) -> None:
        self._prefix = prefix
        self._slots = 0
        self._seen: dict[str, int] = {}

    def draw(self, request: str) -> tuple[int, ...]:
        """The number of the next request equal to this one, without trailing zeros.

        No two leaves of the slot tree are equal but for trailing zeros: a slot is either a
        request or a branch, never both.
        """
        index = self._slots + self._seen.get(request, 0)
        self._seen[request] = self._seen.get(request, 0) + 1
        number = (*self._prefix, index)
        while len(number) > 1 and number[-1] == 0:
            number = number[:-1]
        return number

    def branches(self, count: int) -> list[Counter]:
        """Slots for `count` branches that run at the same time, after all requests so far."""
        first = self._slots + max(self._seen.values(), default=0)
        self._slots, self._seen = first + count, {}
        return [Counter((*self._prefix, first + i)) for i in range(count)]


class Numbering:
    """The counters of one branch, one per model (by `Model.identity`: names may be aliases)."""

    def __init__(self, repeat: int, counters: dict[str, Counter] | None = None) -> None:
        self.repeat = repeat
        self._counters = counters if counters is not None else {}

    def draw(self, model: str, request: str) -> Draw:
        """(repeat, number) of a request to `model`."""
        return (self.repeat, *self._counter(model).draw(request))

    def seats(self, reaches: Sequence[Iterable[str]]) -> list[Numbering]:
        """One numbering per seat, given the models that each seat can reach."""
        seats: list[dict[str, Counter]] = [{} for _ in reaches]
        sets = [frozenset(models) for models in reaches]
        for model in sorted(frozenset().union(*sets)):
            takers = [i for i, models in enumerate(sets) if model in models]
            shared = [self._counter(model)]
            counters = shared if len(takers) == 1 else shared[0].branches(len(takers))
            for i, counter in zip(takers, counters, strict=True):
                seats[i][model] = counter
        return [Numbering(self.repeat, counters) for counters in seats]

    def _counter(self, model: str) -> Counter:
        return self._counters.setdefault(model, Counter())
