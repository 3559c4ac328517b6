"""A bench file with every name replaced by what it stands for, or all its problems at once."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fusion_eval.bench.aliases import told
from fusion_eval.bench.controls import among, design_problems, expand
from fusion_eval.bench.graders import resolve
from fusion_eval.bench.identity import definitions
from fusion_eval.bench.models import SAMPLING, found_worlds, made
from fusion_eval.bench.parameters import Parameter, parameters, strategy
from fusion_eval.bench.temperatures import heated
from fusion_eval.bench.tooling import sources, toolbox
from fusion_eval.core import (
    Bench,
    Grader,
    Limits,
    Member,
    Model,
    Recipe,
    TaskSet,
    ToolSource,
)
from fusion_eval.core.task import COMPARED
from fusion_eval.errors import BenchFileError, did_you_mean
from fusion_eval.loading.bench import (
    BenchDocument,
    BenchSource,
    GraderEntry,
    ModelEntry,
    SeatEntry,
    Temperatures,
    load_bench_file,
)
from fusion_eval.loading.controls import ControlsEntry
from fusion_eval.loading.yaml_lines import explain
from fusion_eval.simulator import World


def configure_grader(source: BenchSource, tasks: TaskSet, changes: Mapping[str, Any]) -> Bench:
    """The grader of a bench file, with `changes` to its entry, and no recipe.

    Raises BenchFileError with every problem.
    """
    read = load_bench_file(source)
    before = read.file.grader.model_dump(exclude_none=True) if read.file.grader else {}
    if "model" in changes or "committee" in changes:
        before = {k: v for k, v in before.items() if k not in {"model", "committee"}}
    if not {"model", "committee"} & {**before, **changes}.keys():
        raise BenchFileError(
            f"{read.document.source}: the bench has no grader; give `grader: {{model: …}}` "
            "in it, or --grader MODEL"
        )
    try:
        entry = GraderEntry.model_validate({**before, **changes})
    except ValidationError as error:
        where = read.document.where(("grader",))
        raise BenchFileError(explain(error, GraderEntry, lambda _: where)) from None
    file = read.file.model_copy(
        update={"grader": entry, "recipes": {}, "controls": None, "study": None}
    )
    return _Resolver(replace(read, file=file), tasks).bench(None, ("endpoints", "models"))


def configure(
    source: BenchSource,
    recipes: Collection[str] | None = None,
    tasks: TaskSet | None = None,
) -> Bench:
    """Read and resolve a bench file or preset; `recipes` keeps only those of these names.

    A simulator answers from its world and the tasks that it knows, so both stand in its URL:
    after an edit of a task file its old replies do not serve any more.

    Raises BenchFileError with every problem: unknown models, strategies and parameters, cycles
    of recipes, unknown worlds and protocols.
    """
    return _Resolver(load_bench_file(source), tasks).bench(recipes)


class _Resolver:
    """The problems found so far, and what was resolved before."""

    def __init__(self, read: BenchDocument, tasks: TaskSet | None) -> None:
        self.tasks = tasks
        self.tasks_hash = tasks.hash if tasks else ""
        self.file = read.file
        self.document = read.document
        self.broken = read.broken
        self.problems: list[str] = list(read.problems)
        self.notes: list[str] = []
        self.models: dict[str, Model] = {}
        self.sources: Mapping[str, ToolSource] = {}
        self.recipes: dict[str, Recipe | None] = {}
        self.written: frozenset[str] = frozenset(read.file.recipes)

    def bench(
        self,
        only: Collection[str] | None,
        needed: Sequence[str] = ("endpoints", "models", "recipes"),
    ) -> Bench:
        for section in needed:
            if not getattr(self.file, section) and not self.broken:
                self._problem((section,), f"the bench has no {section}; see `fusion-eval init`")
        worlds = found_worlds(self.file.endpoints, self._problem)
        self.sources = sources(self.file, self.tasks_hash, self._problem)
        for name, entry in self.file.models.items():
            self._model(name, entry, worlds.get(entry.endpoint))
        for name in self.file.recipes:
            if name in self.file.models:
                self._problem(("recipes", name), f"{name!r} is a model too; rename one of the two")
            self._recipe(name, ())
        grader = self._grader()
        if not self.problems:
            self._expand()
            for path, problem in design_problems(self.file):
                self._problem(path, problem)
        wanted = self._wanted(only)
        if self.problems:
            raise BenchFileError(sorted(self.problems, key=_line))
        recipes = {n: r for n, r in self.recipes.items() if r is not None and n in wanted}
        return Bench(
            name=self.file.name or Path(self.document.source).stem,
            models=self.models,
            recipes=recipes,
            grader=grader,
            limits=Limits(**self.file.limits.model_dump()),
            ledger=self.file.ledger,
            repeats=self.file.repeats,
            seed=self.file.seed,
            resolved=self.file.model_dump(exclude_none=True),
            questions=tuple(task.question for task in self.tasks.tasks) if self.tasks else (),
            controls=among(self.file.controls, recipes),
            notes=tuple(self.notes),
            justified=self.file.justified,
            study=self.file.study.model_dump() if self.file.study else None,
            places={
                **{name: self.document.where(("models", name)) for name in self.models},
                **{f"recipes/{n}": self._place_of(n) for n in recipes},
                **{name: self.document.where((name,)) for name in ("limits", "grader", "repeats")},
                "": self.document.source,
            },
        )

    def _expand(self) -> None:
        """Put the recipes of the controls into the file, as if they had been written there."""
        wanted = self.file.controls
        if wanted is None:
            return
        tasks = self.tasks.tasks if self.tasks else ()
        short = any(task.question.answer_format in COMPARED for task in tasks)
        lonely = bool(tasks) and len({task.question.messages for task in tasks}) < 2
        found = expand(self.file.recipes, wanted, short, lonely)
        for problem in found.problems:
            self._problem(("controls",), problem)
        settled = ControlsEntry(use=[], settled=found.settled)
        self.written = frozenset(self.file.recipes)
        self.file = self.file.model_copy(update={"recipes": found.recipes, "controls": settled})
        for name in found.recipes:
            self._recipe(name, ())

    def _place_of(self, recipe: str) -> str:
        """`file:line` of a recipe, or of the line that it was made from."""
        made = self.file.controls is not None and recipe not in self.written
        return self.document.where(("controls",) if made else ("recipes", recipe))

    def _problem(self, path: Sequence[str | int], text: str) -> None:
        self.problems.append(f"{self.document.where(path)}: {text}")

    def _unknown(self, path: Sequence[str | int], what: str, name: str, known: Any) -> None:
        if name in self.broken:
            return  # it is there; what is wrong with it was said
        self._problem(path, f"unknown {what} {name!r}; {did_you_mean(name, sorted(known))}")

    def _model(self, name: str, entry: ModelEntry, world: World | None) -> None:
        path = ("models", name)
        endpoint = self.file.endpoints.get(entry.endpoint)
        if endpoint is None:
            known = self.file.endpoints
            return self._unknown((*path, "endpoint"), "endpoint", entry.endpoint, known)
        if world is not None and entry.id not in world.prices:
            self._unknown((*path, "id"), "model of this simulator", entry.id, world.prices)
        self.models[name] = made(name, entry, endpoint, world, self.tasks_hash)
        return None

    def _recipe(self, name: str, above: tuple[str, ...]) -> Recipe | None:
        if name in above:
            path = " → ".join((*above[above.index(name) :], name))
            self._problem(
                ("recipes", name), f"recipes contain each other: {path}; break the circle"
            )
            return None
        if name not in self.recipes:
            recipe = self._resolved(name, above)
            self.recipes[name] = recipe
        return self.recipes[name]

    def _resolved(self, name: str, above: tuple[str, ...]) -> Recipe | None:
        path = ("recipes", name)
        entry, note = told(self.file.recipes[name])
        if note:
            self.notes.append(f"{self.document.where((*path, 'strategy'))}: {note}")
        kind, dollars = entry.pop("strategy", None), entry.pop("equal_dollars", None)
        if not isinstance(kind, str):
            self._problem(
                path, f"recipe {name!r} has no strategy; give `strategy: solo` or another"
            )
            return None
        try:
            wanted = parameters(strategy(kind))
        except ValueError as problem:
            self._problem((*path, "strategy"), str(problem))
            return None
        before = len(self.problems)
        policy = None if "temperatures" in wanted else entry.pop("temperatures", None)
        values: dict[str, Any] = {}
        for key, value in entry.items():
            if key not in wanted:
                self._unknown((*path, key), f"parameter of {kind}", key, wanted)
            else:
                values[key] = self._value(wanted[key], value, (*path, key), (*above, name))
        for key, parameter in wanted.items():
            if parameter.required and key not in entry and (key != "n" or dollars is None):
                self._problem(path, f"recipe {name!r} ({kind}) needs {key!r}")
            for text in parameter.problems(key, values) if key in values else ():
                self._problem((*path, key), text)
        if policy is not None:
            self._heat(values, wanted, policy, (*path, "temperatures"))
        ordered = {key: values[key] for key in wanted if key in values}
        target = None if dollars is None else self._target(dollars, kind, wanted, name, above)
        if len(self.problems) > before:
            return None
        return Recipe(name=name, strategy=kind, params=ordered, equal_dollars=target)

    def _target(
        self, dollars: Any, kind: str, wanted: Any, name: str, above: tuple[str, ...]
    ) -> Recipe | None:
        """The recipe that `equal_dollars` names; what is sized is n, or the tokens of a solo."""
        path = ("recipes", name, "equal_dollars")
        if not isinstance(dollars, str) or dollars not in self.file.recipes:
            self._unknown(path, "recipe", str(dollars), self.file.recipes)
        elif "equal_dollars" in self.file.recipes[dollars]:
            self._problem(path, f"{dollars!r} is sized itself; name what it is sized to")
        elif "n" not in wanted and kind != "solo":
            self._problem(path, f"{kind} has no n to be sized; use best_of_n, or solo for tokens")
        else:
            return self._recipe(dollars, (*above, name))
        return None

    def _heat(
        self,
        values: dict[str, Any],
        wanted: Mapping[str, Parameter],
        policy: Any,
        path: tuple[str | int, ...],
    ) -> None:
        """Give every seat the temperature that the recipe's policy has for it."""
        try:
            checked = Temperatures.model_validate(policy)
            values |= heated(values, wanted, checked)
        except ValidationError as error:
            self.problems += explain(error, Temperatures, lambda loc: self.document.where(path))
        except ValueError as problem:
            self._problem(path, str(problem))

    def _value(
        self, parameter: Parameter, value: Any, path: tuple[str | int, ...], above: tuple[str, ...]
    ) -> Any:
        if parameter.seats == "one":
            if value is None and not parameter.required:
                return None
            return self._member(value, path, above)
        if parameter.seats == "many":
            if not isinstance(value, list):
                return self._problem(path, f"{path[-1]} is a list of models or recipes")
            seats = [self._seats(v, (*path, i), above) for i, v in enumerate(value)]
            value = tuple(member for seat in seats for member in seat)
            if any(member is None for member in value):
                return None
        try:
            return parameter.checked(value)
        except ValueError as problem:
            return self._problem(path, f"{path[-1]}: {problem}")

    def _member(
        self, value: Any, path: tuple[str | int, ...], above: tuple[str, ...]
    ) -> Member | None:
        member, *more = self._seats(value, path, above)
        if more:
            self._problem(path, f"{path[-1]} is one seat; a count belongs into a list of members")
        return member

    def _seats(
        self, value: Any, path: tuple[str | int, ...], above: tuple[str, ...]
    ) -> list[Member | None]:
        """The seats that one entry of a bench file stands for: one, or as many as its `count`."""
        if not isinstance(value, str | dict):
            self._problem(path, "a seat is the name of a model or recipe, or {model: name, …}")
            return [None]
        try:
            seat = SeatEntry.model_validate({"model": value} if isinstance(value, str) else value)
        except ValidationError as error:
            self.problems += explain(error, SeatEntry, lambda loc: self.document.where(path))
            return [None]
        return [self._seat(seat, path, above)] * seat.count

    def _seat(
        self, seat: SeatEntry, path: tuple[str | int, ...], above: tuple[str, ...]
    ) -> Member | None:
        name = seat.model
        manner = seat.model_dump(include={"persona", "drops_system"})
        overrides = seat.model_dump(include=SAMPLING, exclude_none=True)
        tools = toolbox(seat.tools, self.sources, partial(self._problem, path))
        if name in self.models:
            model = self.models[name]
            model = replace(model, params={**model.params, **overrides}) if overrides else model
            said = partial(self._problem, ("models", name))
            tools = tools or toolbox(self.file.models[name].tools, self.sources, said)
            return Member(name=name, model=model, tools=tools, **manner)
        if name in self.file.recipes:
            if overrides:
                self._problem(path, f"{name!r} is a recipe: set {next(iter(overrides))} inside it")
            if tools is not None:
                self._problem(path, f"{name!r} is a recipe: give tools to the seats inside it")
            recipe = self._recipe(name, above)
            return Member(name=name, recipe=recipe, **manner) if recipe else None
        if name not in self.file.models:  # a model with a problem of its own was named already
            self._unknown(path, "model", name, [*self.file.models, *self.file.recipes])
        return None

    def _grader(self) -> Grader | None:
        entry = self.file.grader
        if entry is None:
            return None
        grader, problems = resolve(entry, self.models, {*self.file.models, *self.broken})
        for path, text in problems:
            self._problem(("grader", *path), text)
        return grader

    def _wanted(self, only: Collection[str] | None) -> Collection[str]:
        if only is None:
            return self.file.recipes
        if not only:
            known = ", ".join(self.file.recipes)
            self.problems.append(f"--recipes: names no recipe; the bench has {known}")
        for name in only:
            if name not in self.file.recipes:
                way = did_you_mean(name, sorted(self.file.recipes))
                self.problems.append(f"--recipes: unknown recipe {name!r}; {way}")
        return only


def _line(problem: str) -> int:
    """The line that a problem names, so that problems are read from top to bottom."""
    found = re.match(r".*?:(\d+): ", problem)
    return int(found.group(1)) if found else sys.maxsize


def override(
    bench: Bench,
    *,
    repeats: int | None = None,
    seed: int | None = None,
    budget_usd: float | None = None,
    max_in_flight: int | None = None,
    run_code: bool = False,
) -> Bench:
    """The bench with what the command line says instead; what stays None stays as it is."""
    given = {"repeats": repeats, "budget_usd": budget_usd, "max_in_flight": max_in_flight}
    lowest = {"repeats": 1, "budget_usd": 0, "max_in_flight": 1}
    low = [name for name, value in given.items() if value is not None and value < lowest[name]]
    problems = [f"{n} is {given[n]}; it must be {lowest[n]} or more" for n in low]
    if budget_usd is not None and not math.isfinite(budget_usd):
        problems = [f"budget_usd is {budget_usd}; give a number of US dollars"]
    if budget_usd == 0:
        problems.append("budget_usd is 0; it must be above 0")
    if problems:
        raise BenchFileError(problems)
    limits = replace(
        bench.limits,
        budget_usd=bench.limits.budget_usd if budget_usd is None else budget_usd,
        max_in_flight=max_in_flight or bench.limits.max_in_flight,
        run_code=run_code or bench.limits.run_code,
    )
    repeats = bench.repeats if repeats is None else repeats
    seed = bench.seed if seed is None else seed
    settled = {"recipes": definitions(bench), "repeats": repeats, "seed": seed}
    resolved = {**bench.resolved, **settled, "limits": asdict(limits)}
    return replace(bench, limits=limits, repeats=repeats, seed=seed, resolved=resolved)
