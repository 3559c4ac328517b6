"""Benches and bills that are drawn at random: how far a budget goes when lengths are guessed.

A world is a set of tasks (6 to 90 of those of this repository, half of the sets below 12), two to
four recipes over three models of usual prices, a grader, and what `max_tokens` is for each (1,024
to 16,384, or not given, which reserves 32,768). Each model writes more or less than its lengths are
guessed (log-SD .25 over all its calls), and each reply varies about that with a heavy tail (log-SD
.8), up to its `max_tokens`. Nothing is sent: what a model bills follows from these lengths.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from pathlib import Path
from typing import Any

import yaml
from engine_kit import MINI, REASONING

import fusion_eval
from fusion_eval.api import settled
from fusion_eval.bench.assumed import assumed
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.forecast import Forecast
from fusion_eval.bench.plan import foreseen
from fusion_eval.core import Attempt, Bench, Call, Reply, TaskSet, Usage
from fusion_eval.engine import prices
from fusion_eval.engine.trace import Expected, Trace, never

STARTER = Path(fusion_eval.__file__).parent / "presets" / "starter" / "tasks.yaml"
RESEARCH = MINI.with_name("research.yaml")
TASKS = {"rubrics": [RESEARCH, STARTER], "checks": [REASONING], "both": [RESEARCH, REASONING]}
SIZES = {"small": (0.1, 0.4), "middle": (1.0, 4.0), "large": (3.0, 15.0)}
RECIPES: dict[str, dict[str, Any]] = {
    "solo-small": {"strategy": "solo", "member": "small"},
    "solo-large": {"strategy": "solo", "member": "large"},
    "self": {"strategy": "self_fusion", "member": "middle", "n": 3},
    "vote": {"strategy": "vote", "members": ["small", "middle", "middle"]},
    "panel": {
        "strategy": "panel", "members": ["small", "middle", "large"], "judge": "large",
        "synthesizer": "large",
    },
    "debate": {
        "strategy": "debate", "members": ["small", "middle"], "aggregate": "synthesize",
        "synthesizer": "middle",
    },
}  # fmt: skip


def world(seed: int, folder: Path) -> tuple[TaskSet, Bench, str]:
    """The tasks and the bench of a world, and what its tasks are called."""
    chance = random.Random(seed)
    name = chance.choice(sorted(TASKS))
    size = round(6 * 15 ** chance.random() ** 2)
    chosen = chance.sample(sorted(RECIPES), chance.randint(2, 4))
    repeats = chance.randint(1, 3) if size < 8 else 1
    content = {
        "endpoints": {"there": {"base_url": "https://models.invalid/v1", "api_key_env": "A_KEY"}},
        "models": {name: _model(name, chance) for name in SIZES} | {"grader": _grader(chance)},
        "recipes": {recipe: RECIPES[recipe] for recipe in chosen},
        "grader": {"model": "grader", "protocol": "draco"},
        "limits": {"max_in_flight": 64},
        "repeats": repeats,
        "seed": seed,
    }
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    tasks, bench, _ = settled(TASKS[name], path, budget_usd=1.0)
    kept = chance.sample(tasks.tasks, min(size, len(tasks.tasks)))
    return tasks.model_copy(update={"tasks": tuple(kept)}), bench, name


def _model(name: str, chance: random.Random) -> dict[str, Any]:
    into, out = (usd * math.exp(chance.gauss(0, 0.3)) for usd in SIZES[name])
    most = chance.choices([1_024, 4_096, 16_384, None], weights=[3, 4, 2, 1])[0]
    limit = {} if most is None else {"max_tokens": most}
    price = {"input": round(into, 3), "output": round(out, 3)}
    return {"endpoint": "there", "id": f"maker/{name}", "price": price, **limit}


def _grader(chance: random.Random) -> dict[str, Any]:
    return _model("middle", chance) | {"id": "maker/grader"}


def forecast(tasks: TaskSet, bench: Bench) -> Forecast:
    """What `fusion-eval plan` says of money where no ledger is."""
    found = asyncio.run(foreseen(tasks, bench, Experience(), never, paid_usd=0.0))
    assert found is not None
    return found


class Writers:
    """The bottom of the stack: models that write as long as they please, and bill for it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.billed = 0.0
        self.calls = 0

    async def check(self, _: object) -> None:
        """Every endpoint answers."""

    async def close(self) -> None:
        """Nothing is open."""

    async def send(self, call: Call) -> Reply:
        """A reply of the form that is asked for, after some turns of the loop."""
        chance = random.Random(f"{self.seed} {call.key}")
        guess = assumed(call, sum(len(m.content) for m in call.messages), 10**6)
        model = random.Random(f"{self.seed} {call.model.id}").gauss(0.0, 0.25)
        factor = math.exp(model + chance.gauss(-0.32, 0.8))  # the mean of the tail is 1
        tokens = min(prices.most_out(call.model), max(1, round(guess.tokens_out * factor)))
        usage = Usage(input=guess.tokens_in, output=tokens)
        usd = prices.paid(call.model, usage, None).usd or 0.0
        for _ in range(chance.randrange(1, 6)):
            await asyncio.sleep(0)
        self.calls += 1
        self.billed += usd
        attempt = Attempt(number=1, usage=usage)
        return Reply(text=await _text(call, tokens), usage=usage, attempts=(attempt,))


async def _text(call: Call, tokens: int) -> str:
    if call.output is not None and call.output.name == "verdict":
        return json.dumps({"explanation": "so " * (tokens // 2), "verdict": "MET"})
    length = Expected(characters=max(1, round(3.6 * tokens)))
    return (await Trace(lambda _: length).send(call)).text
