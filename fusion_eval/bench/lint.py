"""A linter for designs: what makes the outcome of a bench hard to believe, said before it is run.

Every warning has a code, its place and the way out. A bench file can accept one with its reason:
`justified: {weak-baseline: compares two ways of writing, not with a member}`; it is then shown with
that reason, and `--strict` lets it pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fusion_eval.bench.branches import votes_on_text
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.parameters import Seated, seated, strategy
from fusion_eval.bench.tooling import everyone
from fusion_eval.core import Bench, Call, Member, Message, Model, Recipe, TaskSet
from fusion_eval.engine.prices import most_out, token_limit
from fusion_eval.strategies.schema import is_control

CODES = {
    "grader-on-panel": "the grader answers or writes in a recipe that it grades",
    "grader-kin": "the grader's maker also made a model that it grades",
    "judge-on-panel": "a judge compares answers of which one is its own",
    "judge-kin": "a judge compares answers of which one is its maker's",
    "unequal-sampling": "one model answers at several temperatures or token limits",
    "panel-of-one": "a panel whose seats are all alike",
    "weak-baseline": "a recipe whose members are not all compared with alone",
    "unequal-tools": "some models have tools and others have none",
    "vote-on-text": "a vote on tasks without final answers that could be counted",
    "short-cap": "a token limit below the length of the answers",
    "undeclared-seat": "a seat of one's own strategy of which nothing says what it does",
    "single-draw": "one answer for each task and recipe",
    "alias": "a name that misleads",
}
_PANELS = frozenset(["panel", "mixture_of_agents", "council"])
_TOOLS = frozenset(["tools", "plugins", "web_search_options"])
_SAMPLING = ("temperature", "top_p", "max_tokens", "max_completion_tokens")
_PROBE = "How do the tides come about, and why are there two of them a day?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """One warning; `reason` is why the bench file accepts it, None where it does not."""

    code: str
    where: str
    text: str
    reason: str | None = None

    def __str__(self) -> str:
        accepted = f" (accepted: {self.reason})" if self.reason else ""
        return f"{self.where}: {self.code}: {self.text}{accepted}"


def lint(
    bench: Bench, tasks: TaskSet | None = None, experience: Experience | None = None
) -> list[Warned]:
    """What is doubtful about a bench, in the order of `CODES`.

    `experience` knows how long answers are; without it lengths are assumed.
    """
    found = [
        *_graders(bench),
        *_judges(bench),
        *_sampling(bench),
        *_panels(bench),
        *_baselines(bench),
        *_tools(bench),
        *_votes(bench, tasks),
        *_caps(bench, tasks, experience or Experience()),
        *_undeclared(bench),
        *_draws(bench),
        *_aliases(bench),
    ]
    unique = {(w.code, w.where, w.text): w for w in found}.values()
    accepted = [replace(w, reason=bench.justified.get(w.code)) for w in unique]
    return sorted(accepted, key=lambda w: list(CODES).index(w.code))


def _graders(bench: Bench) -> Iterator[Warned]:
    if bench.grader is None:
        return
    seated = {m.id: m for r in bench.recipes.values() for m in _models(r.members)}
    for grader in _models(bench.grader.members):
        where = bench.where("grader")
        if grader.id in seated:
            way = "use a grader that is no part of any recipe"
            yield Warned(
                code="grader-on-panel", where=where,
                text=f"{grader.name} grades its own output; {way}",
            )  # fmt: skip
            continue
        kin = sorted(m.name for m in seated.values() if _kin(m, grader))
        if kin:
            yield Warned(
                code="grader-kin", where=where,
                text=f"{grader.name} and {', '.join(kin)} are both of {grader.maker}; graders "
                "favour models of their own maker: take one of another maker, or a second grader",
            )  # fmt: skip


def _judges(bench: Bench) -> Iterator[Warned]:
    for recipe in bench.recipes.values():
        seats = {m.id: m for m in _answering(recipe)}
        if len(seats) < 2:
            continue  # judging its own drafts is what such a recipe is about
        where = bench.where(f"recipes/{recipe.name}")
        comparing = [s for s in _seats(recipe) if s.duty in ("judge", "chooser")]
        for seat in comparing:
            for judge in _models([seat.who]):
                kin = sorted(m.name for m in seats.values() if _kin(m, judge))
                about = f"{recipe.name}: the {seat.parameter} {judge.name}"
                if judge.id in seats:
                    text = f"{about} compares its own answer with others; seat another one"
                    yield Warned(code="judge-on-panel", where=where, text=text)
                elif kin:
                    text = f"{about} and {', '.join(kin)} are of one maker; take one of another"
                    yield Warned(code="judge-kin", where=where, text=text)


def _kin(one: Model, other: Model) -> bool:
    return one.maker == other.maker


def _sampling(bench: Bench) -> Iterator[Warned]:
    ways: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for recipe in bench.recipes.values():
        if recipe.equal_dollars is None:
            for model in _answering(recipe):
                said = ", ".join(f"{k} {model.params[k]}" for k in _SAMPLING if k in model.params)
                ways[model.id][said or "no parameters"].append(recipe.name)
    for found in ways.values():
        if len(found) > 1:
            each = "; ".join(f"{how} in {', '.join(dict.fromkeys(r))}" for how, r in found.items())
            first = next(iter(found.values()))[0]
            name = next(m.name for m in _answering(bench.recipes[first]))
            yield Warned(
                code="unequal-sampling", where=bench.where(name),
                text=f"the same model answers at {each}; a difference may be that of the settings: "
                "make them equal, or add the solo with the other ones",
            )  # fmt: skip


def _panels(bench: Bench) -> Iterator[Warned]:
    for recipe in bench.recipes.values():
        seats = [(m.model, m.persona) for m in recipe.members_of("members") if m.model]
        alike = len({repr(seat) for seat in seats}) == 1
        if recipe.strategy in _PANELS and len(seats) > 1 and alike:
            yield Warned(
                code="panel-of-one", where=bench.where(f"recipes/{recipe.name}"),
                text=f"{recipe.name} seats {recipe.members[0].name} {len(seats)} times and nobody "
                "else; call it self_fusion, to avoid implying diversity of models",
            )  # fmt: skip


def _baselines(bench: Bench) -> Iterator[Warned]:
    alone = {m.id for r in bench.recipes.values() if r.strategy == "solo" for m in _answering(r)}
    claiming = [
        recipe
        for recipe in bench.recipes.values()
        if not _is_control(recipe) and "/" not in recipe.name
    ]
    lacking = {r.name: {m.name for m in _answering(r) if m.id not in alone} for r in claiming}
    names = [name for name, missing in lacking.items() if missing]
    if names:
        missing = ", ".join(sorted(set().union(*lacking.values())))
        yield Warned(
            code="weak-baseline", where=bench.where(f"recipes/{names[0]}"),
            text=f"{missing} never alone in this bench, though in {', '.join(names)}: nobody can "
            "say whether the best member is beaten; add `controls: [alone]`",
        )  # fmt: skip


def _tools(bench: Bench) -> Iterator[Warned]:
    models = {m.name: m for r in bench.recipes.values() for m in _models(r.members)}
    seats = [m for r in bench.recipes.values() for m in everyone(r.members) if m.model]
    own = {m.name for m in seats if m.tools}
    with_tools = sorted(own | {n for n, m in models.items() if _TOOLS & m.extra_body.keys()})
    without = sorted(models.keys() - set(with_tools))
    if with_tools and without:
        yield Warned(
            code="unequal-tools", where=bench.where(with_tools[0]),
            text=f"{', '.join(with_tools)} may use tools and {', '.join(without)} may not; a "
            "difference may be that of the tools: give them to all, or to none",
        )  # fmt: skip


def _votes(bench: Bench, tasks: TaskSet | None) -> Iterator[Warned]:
    for name in votes_on_text(tasks, bench) if tasks and tasks.tasks else ():
        recipe = bench.recipes[name]
        if recipe.params.get("grouper") is not None:
            continue
        if recipe.params.get("rule") in ("final_answer", "last_number"):
            how = f"`rule: {recipe.params['rule']}` finds nothing to count in free texts"
        else:
            how = "free texts are one where half of their words are alike, as long ones rarely are"
        yield Warned(
            code="vote-on-text", where=bench.where(f"recipes/{name}"),
            text=f"{name}: {how}; without a group the earliest answer is taken, at the price of "
            "all: name a `grouper`, or use universal_self_consistency or ranked",
        )  # fmt: skip


def _caps(bench: Bench, tasks: TaskSet | None, experience: Experience) -> Iterator[Warned]:
    prompt = tasks.tasks[0].question.prompt if tasks and tasks.tasks else _PROBE
    models = {m.name: m for r in bench.recipes.values() for m in _answering(r)}
    for name, model in models.items():
        if not {"max_tokens", "max_completion_tokens"} & model.params.keys():
            continue
        free = {k: v for k, v in model.params.items() if k not in _SAMPLING[2:]}
        call = Call(
            model=replace(model, params=free), messages=(Message(role="user", content=prompt),)
        )
        usual, cap = experience.expect(call).tokens_out, most_out(model)
        if cap < usual:
            yield Warned(
                code="short-cap", where=bench.where(name),
                text=f"{name} may write {cap:,} tokens and its answers take about {usual:,} "
                f"({experience.source(call)}); cut answers reorder recipes: raise max_tokens",
            )  # fmt: skip


def _draws(bench: Bench) -> Iterator[Warned]:
    if bench.repeats == 1:
        yield Warned(
            code="single-draw", where=bench.where("repeats"),
            text="each recipe answers each task once; two runs of one recipe differ by about 6 "
            "points per task: set `repeats: 2` or more, or use many tasks",
        )  # fmt: skip


def _aliases(bench: Bench) -> Iterator[Warned]:
    for note in bench.notes:
        where, _, text = note.partition(": ")
        yield Warned(code="alias", where=where, text=text)


def _undeclared(bench: Bench) -> Iterator[Warned]:
    for recipe in bench.recipes.values():
        names = dict.fromkeys(s.parameter for s in _seats(recipe) if s.duty is None)
        if not names or _is_control(recipe) or "/" in recipe.name:
            continue
        first = next(iter(names))
        yield Warned(
            code="undeclared-seat", where=bench.where(f"recipes/{recipe.name}"),
            text=f"{recipe.name}: {recipe.strategy} does not say what {', '.join(names)} does, so "
            "controls that need a writer or a judge leave the recipe out, equal dollars may go to "
            f"another seat, and nobody checks who judges whom; declare it, as in `{first}: "
            'Annotated[Member, Seat("writer")]` (member, writer, judge, chooser, critic, router)',
        )  # fmt: skip


def _seats(recipe: Recipe) -> list[Seated]:
    return seated(recipe.strategy, recipe.params)


def _is_control(recipe: Recipe) -> bool:
    try:
        return is_control(strategy(recipe.strategy))
    except ValueError:  # answers that were recorded elsewhere: nothing here makes them
        return False


def token_limits(bench: Bench) -> dict[str, list[int | None]]:
    """Recipe -> the tokens that its final answer may take, by whoever writes it; None: no limit."""
    return {name: _limits(recipe) for name, recipe in bench.recipes.items()}


def _limits(recipe: Recipe) -> list[int | None]:
    writers = [seat.who for seat in _seats(recipe) if seat.duty == "writer"]
    models = _models(writers) if writers else _answering(recipe)
    limits = {token_limit(model) for model in models}
    return sorted(limits, key=lambda limit: limit or 0)


def _answering(recipe: Recipe) -> list[Model]:
    """The models whose answers a recipe starts from."""
    return list(_models(seat.who for seat in _seats(recipe) if seat.duty == "member"))


def _models(members: Iterable[Member]) -> Iterator[Model]:
    for member in members:
        if member.model is not None:
            yield member.model
        elif member.recipe is not None:
            yield from _models(member.recipe.members)
