"""Experiments in a simulated world, through the wire: real strategies, real texts, no socket."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion_eval.bench.tables import _scores
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import (
    Attempt,
    Bench,
    Call,
    Endpoint,
    Grader,
    Limits,
    Member,
    Model,
    Recipe,
    Reply,
    Task,
    Trial,
)
from fusion_eval.engine.bodies import request_of
from fusion_eval.engine.replies.usage import buckets
from fusion_eval.simulator import World
from fusion_eval.simulator.request import parse
from fusion_eval.simulator.simulator import Simulator

ENDPOINT = Endpoint(name="sim", base_url="http://simulator/v1", simulator="default")
_FINISH = {"content_filter": "refusal"}


def simulations() -> int:
    """`FUSION_EVAL_SIMULATIONS`: a number, or reduced (400, the default) or full (4,000)."""
    wanted = os.environ.get("FUSION_EVAL_SIMULATIONS", "reduced")
    return {"reduced": 400, "full": 4000}.get(wanted) or int(wanted)


def seat(name: str, **params: object) -> Member:
    """A seat for a model of the default world."""
    return Member(name=name, model=Model(name=name, endpoint=ENDPOINT, id=name, params=params))


def five_recipes(cap: int | None = None) -> list[Recipe]:
    """One recipe of each strategy, with seats that share drafts."""
    more = {} if cap is None else {"max_tokens": cap}
    sparrow, heron, kestrel, condor = (
        seat(n, **more)
        for n in ("aviary/sparrow", "wader/heron", "raptor/kestrel", "raptor/condor")
    )
    three = (sparrow, heron, kestrel)
    made = {
        "solo": ("solo", {"member": heron}),
        "self": ("self_fusion", {"member": heron, "n": 3}),
        "panel": ("panel", {"members": three, "judge": condor, "synthesizer": condor}),
        "debate": (
            "debate",
            {"members": three, "rounds": 2, "aggregate": "synthesize", "synthesizer": heron},
        ),
        "vote": ("vote", {"members": (heron, heron, kestrel)}),
    }
    return [Recipe(name=n, strategy=s, params=p) for n, (s, p) in made.items()]


def choosing_recipes() -> list[Recipe]:
    """One recipe of each strategy that chooses among drafts, and a random subset."""
    sparrow, heron, kestrel, condor = (
        seat(n) for n in ("aviary/sparrow", "wader/heron", "raptor/kestrel", "raptor/condor")
    )
    three = (sparrow, heron, kestrel)
    subset = {"members": (heron,) * 4, "k": 2, "synthesizer": heron, "judge": condor}
    made = {
        "ranked": ("ranked", {"members": three, "ranker": condor}),
        "best": ("best_of_n", {"members": (heron,), "n": 3, "scorer": heron}),
        "consistent": ("self_consistency", {"member": heron, "n": 3}),
        "subset": ("random_subset", subset),
        "random": ("random_ranker", {"members": three}),
    }
    return [Recipe(name=n, strategy=s, params=p) for n, (s, p) in made.items()]


class Wire:
    """A bench whose calls go to the simulator as bytes; equal calls are one, as in the ledger."""

    def __init__(self, world: World, tasks: Sequence[Task], recipes: Sequence[Recipe]) -> None:
        self._simulator = Simulator(world, tasks)
        self._tasks, self._known = tasks, dict[str, Reply]()
        self.bench = Bench(
            name="made",
            models={},
            recipes={r.name: r for r in recipes},
            grader=Grader(members=(seat(world.referee),)),
            limits=Limits(),
        )

    def runs(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(score as deployed, cost in US dollars), shape (recipes, tasks, runs)."""
        names, tasks = list(self.bench.recipes.values()), self._tasks
        score, cost = (np.zeros((len(names), len(tasks), count)) for _ in range(2))
        for t, task in enumerate(tasks):
            for run in range(count):
                self._known.clear()  # no call is shared between repeats
                for r, recipe in enumerate(names):
                    trial = asyncio.run(run_trial(task, recipe, run, self.through, self.bench))
                    score[r, t, run] = _scores(task, trial)["score"] or 0.0
                    cost[r, t, run] = self._cost(trial)
        return score, cost

    def _cost(self, trial: Trial) -> float:
        return sum(self._known[use.key].cost_reported or 0.0 for use in trial.uses)

    async def through(self, call: Call) -> Reply:
        """The reply to a call."""
        if call.key not in self._known:
            self._known[call.key] = self._reply(call)
        return self._known[call.key]

    def _reply(self, call: Call) -> Reply:
        done = self._simulator.complete(parse(json.dumps(request_of(call)).encode()))
        usage = done.usage()
        return Reply(
            text=done.content or "",
            finish=_FINISH.get(done.finish, done.finish),
            usage=buckets(usage),
            latency_s=done.latency_s,
            model_served=done.model,
            cost_reported=usage["cost"],
            simulated=True,
            attempts=(Attempt(number=1, latency_s=done.latency_s),),
        )
