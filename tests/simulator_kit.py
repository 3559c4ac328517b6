"""What the simulator's tests share: small tasks, worlds with one number changed, and scores."""

from __future__ import annotations

import json
from typing import Any

from fusion_eval import prompts
from fusion_eval.core import Criterion, Message, Messages, Question, Schema, Task
from fusion_eval.simulator import World, load_world
from fusion_eval.simulator.reply import Completion
from fusion_eval.simulator.request import parse
from fusion_eval.simulator.simulator import Simulator

SECTIONS = ("factual-accuracy", "breadth-and-depth-of-analysis", "presentation-quality")


def rubric_task(number: int, positive: int = 16, negative: int = 4) -> Task:
    """A task whose requirements are as DRACO's: verbs, digits, quotes, two lines."""
    wordings = (
        "Names the {}th cause and its effect",
        "States 'value {}' within 5 %, or explains why not",
        "2 sources are given for point {}\nand both are public",
        "NASA's figure {} is compared with another",
    )
    criteria = [
        Criterion(
            id=f"c{i}",
            requirement=wordings[i % 4].format(f"{number}.{i}")
            if i < positive
            else f"Claims that myth {number}.{i} is true",
            weight=float(5 + i % 3 * 5) if i < positive else -10.0,
            section=SECTIONS[i % 3],
        )
        for i in range(positive + negative)
    ]
    prompt = f"Please explain matter number {number} to me.\n\nI know little about it."
    question = Question(prompt=prompt)
    domain = f"domain {number % 5}"
    return Task(id=f"t{number}", question=question, criteria=tuple(criteria), domain=domain)


def number_task(number: int, difficulty: int) -> Task:
    """A task with one right number."""
    prompt = f"Riddle {number}: what comes after {number * 3} in this row of numbers?"
    return Task(
        id=f"n{number}",
        question=Question(prompt=prompt, answer_format="numeric"),
        target=str(number * 3 + 1),
        check="numeric",
        metadata={"difficulty": difficulty},
    )


def world_with(**changes: float) -> World:
    """The default world with some numbers changed: `writing__right=0.0`; `rates__empty` for all."""
    value = load_world("default").model_dump()
    birds = [bird for models in value["makers"].values() for bird in models.values()]
    for path, number in changes.items():
        group, _, name = path.partition("__")
        if group in value and isinstance(value[group], dict):
            value[group][name] = number
            continue
        for bird in birds:
            if name:
                bird[group][name] = number
            else:
                bird[group] = number
    return World.model_validate(value)


def flawless() -> dict[str, float]:
    """Changes that make every answer arrive whole."""
    return {"rates__empty": 0.0, "rates__truncated": 0.0, "rates__refused": 0.0}


def perfect_grader(**changes: float) -> World:
    """A world whose graders never misread."""
    marks = ("sensitivity", "specificity", "error_sensitivity", "error_specificity")
    value = world_with(**changes).model_dump()
    value["grading"] = {**dict.fromkeys(marks, 1.0), "steady": 0.5, "unreadable": 0.0}
    for models in value["makers"].values():
        for bird in models.values():
            bird["grading"] = None
    return World.model_validate(value)


def body(model: str, messages: Messages, schema: Schema | None = None, **more: Any) -> bytes:
    """A request as the openai client sends it."""
    request = {"model": model, "messages": [m.model_dump() for m in messages], **more}
    if schema:
        form = {"name": schema.name, "schema": schema.json_schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": form}
    return json.dumps(request).encode()


class Room:
    """A simulator that is asked directly, with the marks of a perfect grader."""

    def __init__(self, world: World, tasks: list[Task]) -> None:
        self.simulator = Simulator(world, tasks)
        self.known = {known.task.hash: known for known in self.simulator.catalogue.tasks}

    def reply(self, model: str, messages: Messages, **more: Any) -> Completion:
        return self.simulator.complete(parse(body(model, messages, **more)))

    def text(self, model: str, messages: Messages, **more: Any) -> str:
        return self.reply(model, messages, **more).content or ""

    def answer(self, model: str, task: Task, seed: int) -> str:
        return self.text(model, prompts.answer(task.question), seed=seed)

    def panel(self, models: list[str], writer: str, task: Task, seed: int) -> str:
        answers = [self.answer(m, task, seed * 100 + i) for i, m in enumerate(models)]
        return self.text(writer, prompts.synthesize(task.question, answers), seed=seed)

    def met(self, task: Task, text: str) -> list[bool]:
        return [bool(phrase.places(text)) for phrase in self.known[task.hash].phrases]

    def score(self, task: Task, text: str) -> float:
        total = sum(c.weight for c in task.criteria if c.weight > 0)
        met = self.met(task, text)
        raw = sum(c.weight for c, m in zip(task.criteria, met, strict=True) if m) / total
        return min(1.0, max(0.0, raw))

    def result(self, task: Task, text: str) -> int | None:
        targets = self.known[task.hash].targets
        found = targets.found(text) if targets else []
        return found[-1][1] if found else None


def said(text: str) -> Messages:
    """One user message."""
    return (Message(role="user", content=text),)
