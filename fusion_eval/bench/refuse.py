"""What is refused before anything is sent: money without a limit, rubrics without a grader."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from fusion_eval.bench.tooling import sources_of
from fusion_eval.core import Bench, Endpoint, Member, Model, TaskSet
from fusion_eval.core.price import STANDARD
from fusion_eval.core.task import is_own
from fusion_eval.engine import keys
from fusion_eval.engine.prices import price_of
from fusion_eval.errors import BenchFileError, EndpointError, InputError
from fusion_eval.grading import own_check
from fusion_eval.grading.sandbox import sandbox

_LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}


def refuse(tasks: TaskSet, bench: Bench) -> None:
    """Raise BenchFileError with every reason why this bench may not run on these tasks."""
    problems = []
    if bench.grader is None and any(task.criteria for task in tasks.tasks):
        problems.append(
            f"{bench.where('grader')}: the tasks have criteria and the bench has no grader; "
            "add `grader: {model: …}`"
        )
    problems += [*_code_problems(tasks, bench), *own_checks(tasks)]
    if bench.answers is None and bench.grader and bench.grader.protocol.kind == "pairwise":
        problems.append(
            f"{bench.where('grader')}: preferences compare answers that exist; run without it, "
            "then `fusion-eval grade RUN --protocol pairwise --against RECIPE`"
        )
    problems += _lonely(bench)
    paid = [m for m in models_used(bench) if costs_money(m)]
    if paid and bench.limits.budget_usd is None:
        names = ", ".join(m.name for m in paid)
        problems.append(
            f"{bench.where('limits')}: {names} may cost money and there is no budget; "
            "set `limits: {budget_usd: …}` or give --budget"
        )
    problems += _tool_problems(bench)
    for model in paid:
        if price_of(model) is None:
            at = "" if model.tier == STANDARD else f" at service tier {model.tier!r}"
            problems.append(
                f"{bench.where(model.name)}: the price of model {model.name!r} ({model.id}){at} is "
                "unknown; give `price: {input: …, output: …}` in US$ per million tokens "
                "(0 if it is free)"
            )
    if problems:
        raise BenchFileError([*problems, *_missing_keys(paid)])


def _code_problems(tasks: TaskSet, bench: Bench) -> list[str]:
    """Code is run only where somebody asked for it, and only where there is a sandbox."""
    coding = [task.id for task in tasks.tasks if task.check == "code"]
    if not coding:
        return []
    if not bench.limits.run_code:
        return [
            f"{bench.where('limits')}: {len(coding)} tasks (such as {coding[0]!r}) run code that "
            "models wrote; allow it with `limits: {run_code: true}` or --run-code"
        ]
    return _no_sandbox()


def _tool_problems(bench: Bench) -> list[str]:
    """Tools that cost money need a budget; Python is run only where somebody asked for it."""
    sources = sources_of(bench).values()
    problems = []
    costly = sorted(s.name for s in sources if s.usd > 0 and s.kind != "world")
    if costly and bench.limits.budget_usd is None:
        problems.append(
            f"{bench.where('limits')}: calls of {', '.join(costly)} cost money and there is no "
            "budget; set `limits: {budget_usd: …}` or give --budget"
        )
    if any(s.kind == "python" for s in sources):
        if not bench.limits.run_code:
            problems.append(
                f"{bench.where('limits')}: a tool runs Python that models wrote; allow it with "
                "`limits: {run_code: true}` or --run-code"
            )
        else:
            problems += _no_sandbox()
    return problems


def _no_sandbox() -> list[str]:
    try:
        sandbox()
    except InputError as error:
        return list(error.problems)
    return []


def own_checks(tasks: TaskSet) -> list[str]:
    """What is wrong with users' own checks, each once, with the number of its tasks."""
    problems = []
    names = Counter(task.check for task in tasks.tasks if task.check and is_own(task.check))
    for name, count in names.items():
        try:
            own_check(name)
        except ValueError as problem:
            problems.append(f"{tasks.name}: {problem} ({count} task{'s' * (count > 1)})")
    return problems


def _lonely(bench: Bench) -> list[str]:
    """Drafts of another question need another question."""
    if not bench.questions or len({question.messages for question in bench.questions}) > 1:
        return []
    return [
        f"{bench.where(f'recipes/{recipe.name}')}: {recipe.name!r} needs another question and the "
        "files hold one task; give a second task, or leave this control out"
        for recipe in bench.recipes.values()
        if recipe.strategy == "other_question"
    ]


def _missing_keys(models: Iterable[Model]) -> list[str]:
    """Keys that will be missed next. Alone they are no reason: all may be in the ledger."""
    problems: list[str] = []
    for endpoint in {m.endpoint.name: m.endpoint for m in models}.values():
        try:
            keys.api_key(endpoint)
        except EndpointError as error:
            problems += error.problems
    return problems


def unlisted(model: Model, listed: Collection[str]) -> str | None:
    """What is wrong with an id that its endpoint does not list, although it lists nearly the same.

    An id that is like no other is let through: lists are not always complete. Variants (`:free`,
    `:latest`) and the prefixes of gateways count as listed.
    """
    names = {model.id, model.id.split(":")[0], f"{model.id}:latest"}
    ends = (f"/{model.id}", f"/{model.id.split(':')[0]}")
    there = any(n in names or n.endswith(ends) or model.id.endswith(f"/{n}") for n in listed)
    close = difflib.get_close_matches(model.id, listed, n=1, cutoff=0.8)
    if there or not close or not model.endpoint.lists_models:
        return None
    endpoint = model.endpoint.name
    return (
        f"models.{model.name}: endpoint {endpoint!r} lists no {model.id!r}; did you mean "
        f"{close[0]!r}? If its list is not complete: endpoints: {{{endpoint}: {{…, "
        "lists_models: false}}"
    )


def costs_money(model: Model) -> bool:
    """False for the simulator, for a server of one's own on loopback, and for a price of zero."""
    price = model.price
    if price is not None and price.input == price.output == 0:
        return False
    return not (model.endpoint.simulator or own_server(model.endpoint))


def own_server(endpoint: Endpoint) -> bool:
    """True for a server on this machine that asks for no key: Ollama, vLLM, `simulate`."""
    return endpoint.api_key_env is None and urlsplit(endpoint.base_url).hostname in _LOOPBACK


def models_used(bench: Bench) -> list[Model]:
    """Every model that a recipe can reach or that grades, each once."""
    found: dict[str, Model] = {}
    for recipe in bench.recipes.values():
        found |= {m.name: m for m in _reached(recipe.members)}
    if bench.grader is not None:
        found |= {m.name: m for m in _reached(bench.grader.members)}
    return list(found.values())


def _reached(members: Iterable[Member]) -> Iterable[Model]:
    for member in members:
        if member.model is not None:
            yield member.model
        elif member.recipe is not None:
            yield from _reached(member.recipe.members)
