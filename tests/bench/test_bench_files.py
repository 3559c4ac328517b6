"""Bench files: every name is settled, or every problem is said with its line."""

# ruff: noqa: E501  (tables of messages)

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import fusion_eval as fe
from fusion_eval.api import settled
from fusion_eval.bench.configure import configure, override
from fusion_eval.bench.identity import fingerprint
from fusion_eval.bench.refuse import costs_money, models_used, refuse
from fusion_eval.core import Criterion, Question, Task, TaskSet
from fusion_eval.errors import BenchFileError, InputError
from fusion_eval.loading.bench import presets

HEAD = """\
endpoints:
  sim: {simulator: default}
  paid: {base_url: https://paid.example/v1, api_key_env: PAID_KEY}
  own: {base_url: http://localhost:9/v1}
models:
  small: {endpoint: sim, id: aviary/sparrow, temperature: 0.7}
  large: {endpoint: sim, id: raptor/condor}
  dear: {endpoint: paid, id: maker/dear, price: {input: 5, output: 25}}
  nameless: {endpoint: paid, id: maker/nobody-knows-this-one}
  gift: {endpoint: paid, id: maker/gift, price: {input: 0, output: 0}}
  home: {endpoint: own, id: llama}
"""
LINES = len(HEAD.splitlines())
SOLO = "recipes:\n  a: {strategy: solo, member: small}\n"

RUBRIC = TaskSet(
    name="rubric",
    tasks=(
        Task(
            id="t",
            question=Question(prompt="p"),
            criteria=(Criterion(id="c", requirement="r", weight=1),),
        ),
    ),
)
CHECKED = TaskSet(
    name="checked",
    tasks=(Task(id="t", question=Question(prompt="p"), target="x", check="exact"),),
)


@pytest.fixture
def bench(write):
    """`bench(text)`: the text below our endpoints and models, resolved."""
    return lambda text, **kwargs: configure(write("bench.yaml", HEAD + text), **kwargs)


def problems(call) -> list[str]:
    """What is said, without folders; the line counts from the first line below HEAD."""
    with pytest.raises(InputError) as caught:
        call()
    found = []
    for problem in caught.value.problems:
        place, colon, rest = problem.partition(": ")
        file, _, line = Path(place).name.rpartition(":")
        found.append(f"{int(line) - LINES}{colon}{rest}" if file == "bench.yaml" else problem)
    return found


# What a file means


def test_a_seat_is_a_model_or_a_recipe_with_its_own_settings(bench):
    """A persona or a temperature that gets lost makes a panel of equals, and nobody sees it."""
    resolved = bench(
        """\
recipes:
  panel:
    strategy: panel
    members: [small, {model: small, temperature: 0, persona: You doubt.}, {model: inner, persona: You hope.}]
    synthesizer: large
  inner: {strategy: self_fusion, member: small, n: 2}
"""
    )
    plain, doubting, nested = resolved.recipes["panel"].params["members"]
    assert (plain.model.params, plain.persona) == ({"temperature": 0.7}, None)
    assert (doubting.model.params, doubting.persona) == ({"temperature": 0}, "You doubt.")
    assert (nested.recipe, nested.persona) == (resolved.recipes["inner"], "You hope.")
    assert resolved.recipes["inner"].params["n"] == 2
    assert plain.reaches == nested.reaches != doubting.reaches
    assert resolved.recipes["panel"].params["synthesizer"].model.id == "raptor/condor"
    assert "judge" not in resolved.recipes["panel"].params


def test_a_strategy_of_ones_own_is_named_by_module_and_function(bench, write, monkeypatch):
    """The way to try an idea without a fork."""
    write(
        "my_ideas.py",
        """\
        from fusion_eval.core import Member
        async def twice(question, ask, *, member: Member, times: int = 2):
            return await ask(member, question.messages, role="member")
        def plain(question, ask): ...
        """,
    )
    monkeypatch.syspath_prepend(str(Path(write("x", "")).parent))
    monkeypatch.delitem(sys.modules, "my_ideas", raising=False)
    recipe = bench(
        "recipes:\n  a: {strategy: 'my_ideas:twice', member: small, times: 3}\n"
    ).recipes["a"]
    assert (recipe.strategy, recipe.params["times"]) == ("my_ideas:twice", 3)
    assert problems(lambda: bench("recipes:\n  a: {strategy: 'my_ideas:twice', times: x, member: 3}\n  b: {strategy: 'my_ideas:plain'}\n  c: {strategy: 'no_ideas:x'}\n")) == [
        "2: times: Input should be a valid integer (given: 'x')",
        "2: a seat is the name of a model or recipe, or {model: name, …}",
        "3: strategy 'my_ideas:plain' is not an `async def` function",
        "4: strategy 'no_ideas:x' cannot be imported: No module named 'no_ideas'",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_configures(name):
    """`make bench` runs one of them."""
    assert configure(name).recipes


def test_the_bench_of_the_documentation_configures_without_a_key(write, monkeypatch):
    """Everybody copies this file first, and nobody has a key before the first look."""
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    resolved = configure(write("bench.yaml", DOCUMENTED))
    assert {name: recipe.strategy for name, recipe in resolved.recipes.items()} == {
        "solo-flash": "solo",
        "self-flash": "self_fusion",
        "panel": "panel",
        "debate": "debate",
        "vote": "vote",
    }
    assert resolved.models["opus"].price.output == 25
    assert resolved.limits.budget_usd == 5.0
    assert [member.name for member in resolved.grader.members] == ["referee"]
    assert (resolved.grader.protocol.name, resolved.grader.protocol.passes) == ("draco", 1)
    assert (resolved.repeats, resolved.seed) == (3, 7)


DOCUMENTED = """\
endpoints:
  sim:        {simulator: default}
  openrouter: {base_url: https://openrouter.ai/api/v1, api_key_env: OPENROUTER_API_KEY}
models:
  flash:    {endpoint: openrouter, id: google/gemini-3-flash-preview, temperature: 0.7, max_tokens: 4096}
  kimi:     {endpoint: openrouter, id: moonshotai/kimi-k2.6, temperature: 0.7, extra_body: {}}
  opus:     {endpoint: openrouter, id: anthropic/claude-opus-4.8, price: {input: 5, output: 25}}   # US$ per million
  referee:  {endpoint: openrouter, id: google/gemini-3.1-pro-preview, temperature: 0.2}            # on no panel
recipes:
  solo-flash:  {strategy: solo, member: flash}
  self-flash:  {strategy: self_fusion, member: flash, n: 3, synthesizer: opus}
  panel:       {strategy: panel, members: [flash, kimi], judge: opus, synthesizer: opus}
  debate:      {strategy: debate, members: [flash, kimi], rounds: 1, aggregate: vote}
  vote:        {strategy: vote, members: [flash, flash, kimi]}
grader: {model: referee, protocol: draco, passes: 1}
limits: {budget_usd: 5.00, max_in_flight: 64}
repeats: 3
seed: 7
"""


# What is refused


BAD = {
    "unknown model": ("recipes:\n  a: {strategy: solo, member: smal}\n", "2: unknown model 'smal'; did you mean 'small'?"),
    "unknown strategy": ("recipes:\n  a: {strategy: sollo, member: small}\n", "2: unknown strategy 'sollo'; did you mean 'solo'?"),
    "no strategy": ("recipes:\n  a: {member: small}\n", "2: recipe 'a' has no strategy; give `strategy: solo` or another"),
    "unknown parameter": ("recipes:\n  a: {strategy: solo, member: small, memb: large}\n", "2: unknown parameter of solo 'memb'; did you mean 'member'?"),
    "missing parameter": ("recipes:\n  a: {strategy: panel, members: [small]}\n", "2: recipe 'a' (panel) needs 'synthesizer'"),
    "null for a seat": ("recipes:\n  a: {strategy: solo, member: null}\n", "2: a seat is the name of a model or recipe, or {model: name, …}"),
    "one member, not a list": ("recipes:\n  a: {strategy: vote, members: small}\n", "2: members is a list of models or recipes"),
    "no member": ("recipes:\n  a: {strategy: vote, members: []}\n", "2: members: Tuple should have at least 1 item after validation, not 0 (given: [])"),
    "too few members": ("recipes:\n  a: {strategy: debate, members: [small]}\n", "2: members: Tuple should have at least 2 items after validation, not 1"),
    "n is 0": ("recipes:\n  a: {strategy: self_fusion, member: small, n: 0}\n", "2: n: Input should be greater than or equal to 1 (given: 0)"),
    "n is true": ("recipes:\n  a: {strategy: self_fusion, member: small, n: true}\n", "2: n: Input should be a valid integer (given: True)"),
    "rounds is a word": ("recipes:\n  a: {strategy: debate, members: [small, large], rounds: two}\n", "2: rounds: Input should be a valid integer (given: 'two')"),
    "unknown way to aggregate": ("recipes:\n  a: {strategy: debate, members: [small, large], aggregate: mean}\n", "2: aggregate: Input should be 'vote' or 'synthesize' (given: 'mean')"),
    "own member": ("recipes:\n  a: {strategy: solo, member: a}\n", "2: recipes contain each other: a → a; break the circle"),
    "unknown key of a seat": ("recipes:\n  a: {strategy: solo, member: {model: small, temprature: 1}}\n", "2: unknown key 'temprature'; did you mean 'temperature'?"),
    "wrong value in a seat": ("recipes:\n  a: {strategy: solo, member: {model: small, temperature: hot}}\n", "2: temperature: Input should be a valid number (given: 'hot')"),
    "wrong persona": ("recipes:\n  a: {strategy: solo, member: {model: small, persona: 5}}\n", "2: persona: Input should be a valid string (given: 5)"),
    "recipe as a key of a seat": ("recipes:\n  a: {strategy: solo, member: {model: small, recipe: a}}\n", "2: unknown key 'recipe'; known:"),
    "settings on a recipe": ("recipes:\n  a: {strategy: solo, member: {model: b, top_p: 0.5}}\n  b: {strategy: solo, member: small}\n", "2: 'b' is a recipe: set top_p inside it"),
    "a recipe named like a model": ("recipes:\n  small: {strategy: solo, member: large}\n", "2: 'small' is a model too; rename one of the two"),
    "unknown grader": (SOLO + "grader: {model: judge}\n", "3: unknown model 'judge'; known: dear, gift, home, large, nameless, small"),
    "unknown protocol": (SOLO + "grader: {model: large, protocol: drako}\n", "3: unknown protocol 'drako'; did you mean 'draco'?"),
    "unknown key": (SOLO + "repeat: 3\n", "3: unknown key 'repeat'; did you mean 'repeats'?"),
    "no repeats": (SOLO + "repeats: 0\n", "3: repeats: Input should be greater than or equal to 1 (given: 0)"),
    "no budget": (SOLO + "limits: {budget_usd: 0}\n", "3: limits.budget_usd: Input should be greater than 0 (given: 0)"),
    "no recipe": ("recipes: {}\n", "1: the bench has no recipes; see `fusion-eval init`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_bench_file_says_where_and_what_and_the_way_out(bench, name):
    """A misspelt parameter that is ignored is a comparison of something else."""
    text, wanted = BAD[name]
    (problem,) = problems(lambda: bench(text))
    assert problem.startswith(wanted)


def test_a_circle_of_recipes_is_shown_as_a_circle(bench):
    """Found while running it would be paid until the budget is gone."""
    text = """\
recipes:
  a: {strategy: panel, members: [small, b], synthesizer: small}
  b: {strategy: vote, members: [c]}
  c: {strategy: self_fusion, member: a}
"""
    assert problems(lambda: bench(text)) == [
        "2: recipes contain each other: a → b → c → a; break the circle"
    ]


BAD_HEADS = {
    "unknown endpoint": ("endpoints: {sim: {simulator: default}}\nmodels:\n  m: {endpoint: sin, id: x}\n", "3: unknown endpoint 'sin'; did you mean 'sim'?"),
    "unknown world": ("endpoints:\n  sim: {simulator: nowhere}\nmodels:\n  m: {endpoint: sim, id: x}\n", "2: "),
    "unknown model of a world": ("endpoints: {sim: {simulator: default}}\nmodels:\n  m: {endpoint: sim, id: raptor/kondor}\n", "3: unknown model of this simulator 'raptor/kondor'; did you mean 'raptor/condor'?"),
    "two kinds of endpoint": ("endpoints:\n  e: {simulator: default, base_url: http://x/v1}\nmodels: {m: {endpoint: e, id: x}}\n", "2: an endpoint has either `simulator` or `base_url`"),
    "no kind of endpoint": ("endpoints:\n  e: {api_key_env: X}\nmodels: {m: {endpoint: e, id: x}}\n", "2: an endpoint has either `simulator` or `base_url`"),
    "no scheme": ("endpoints:\n  e: {base_url: x.example/v1}\nmodels: {m: {endpoint: e, id: x}}\n", "2: base_url 'x.example/v1' must start with http:// or https://"),
    "negative price": ("endpoints: {e: {base_url: http://x/v1}}\nmodels:\n  m: {endpoint: e, id: x, price: {input: -1, output: 1}}\n", "3: models.m.price.input: Input should be greater than or equal to 0 (given: -1)"),
    "unknown parameter of a model": ("endpoints: {e: {base_url: http://x/v1}}\nmodels:\n  m: {endpoint: e, id: x, temprature: 1}\n", "3: unknown key 'temprature'; did you mean 'temperature'?"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_HEADS)
def test_bad_endpoints_and_models_say_so(write, name):
    """As above, one floor down."""
    text, wanted = BAD_HEADS[name]
    path = write("b.yaml", text + "recipes: {a: {strategy: solo, member: m}}\n")
    (problem,) = problems(lambda: configure(path))
    assert problem.startswith(f"{path}:{wanted}")


SECRET = "sk-or-v1-0123456789abcdef"


@pytest.mark.parametrize(
    "endpoint",
    [
        f"{{base_url: https://x.example/v1, api_key: {SECRET}}}",
        f"{{base_url: https://x.example/v1, api_key_env: {SECRET}}}",
        f"{{base_url: 'https://me:{SECRET}@x.example/v1'}}",
    ],
)
def test_a_key_in_a_bench_file_is_refused_and_not_repeated(write, endpoint):
    """Bench files are committed, and error messages end up in the log of a public CI job."""
    path = write("b.yaml", f"endpoints:\n  e: {endpoint}\nmodels: {{m: {{endpoint: e, id: x}}}}\n" + "recipes: {a: {strategy: solo, member: m}}\n")  # fmt: skip
    (problem,) = problems(lambda: configure(path))
    assert problem.startswith(f"{path}:2: ")
    assert SECRET not in problem


def test_a_key_of_the_environment_is_not_in_what_a_run_writes_down(bench, monkeypatch):
    """`bench.yaml` of a run is made to be shared."""
    monkeypatch.setenv("PAID_KEY", SECRET)
    resolved = bench("recipes: {a: {strategy: solo, member: dear}}\n")
    assert SECRET not in repr(resolved)
    assert resolved.resolved["endpoints"]["paid"]["api_key_env"] == "PAID_KEY"


def test_all_problems_of_a_bench_come_at_once(bench):
    """Ten mistakes, one message."""
    text = """\
recipes:
  a: {strategy: solo, member: smal}
  b: {strategy: vote, members: [small, lage], n: 3}
  c: {strategy: self_fusion}
grader: {model: refere}
"""
    found = problems(lambda: bench(text, recipes=["d"]))
    assert [problem.split(":")[0] for problem in found] == ["2", "3", "3", "4", "5", "--recipes"]


def test_problems_of_tasks_and_bench_come_together(write):
    """They are given in one command, so they are mended in one go."""
    tasks = write("tasks.yaml", "tasks: []\n")
    path = write("bench.yaml", HEAD + "recipes:\n  a: {strategy: solo, member: smal}\n")
    found = problems(lambda: settled(tasks, path, recipes=["b"], repeats=0))
    assert [problem.split(": ")[1].split(";")[0] for problem in found] == [
        "holds no task",
        "unknown model 'smal'",
        "unknown recipe 'b'",
    ]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"repeats": 0}, "repeats is 0; it must be 1 or more"),
        ({"limit": 0}, "limit is 0; it must be 1 or more"),
        ({"max_in_flight": 0}, "max_in_flight is 0; it must be 1 or more"),
        ({"budget_usd": -1.0}, "budget_usd is -1.0; it must be 0 or more"),
        ({"recipes": []}, "--recipes: names no recipe; the bench has "),
        ({"recipes": ["solo-hern"]}, "--recipes: unknown recipe 'solo-hern'; did you mean 'solo-heron'?"),
    ],
)  # fmt: skip
def test_settings_that_leave_nothing_to_run_are_refused(tmp_path, settings, wanted):
    """An empty run that ends well looks like a good one."""
    mini = Path(__file__).parents[2] / "tasks" / "mini.yaml"
    (problem,) = problems(lambda: fe.run(mini, "demo", output_dir=tmp_path, **settings))
    assert problem.startswith(wanted)
    assert not list(tmp_path.iterdir())


def test_a_missing_bench_names_the_preset_that_was_meant_or_all(tmp_path):
    """`--bench demp` is a typing mistake and no file."""
    (said,) = problems(lambda: configure("demp"))
    assert said == "demp: no such bench file or preset; did you mean 'demo'?"
    (said,) = problems(lambda: configure("something-else"))
    assert said.startswith("something-else: no such bench file or preset; presets: ")
    assert {"demo", "studies/best-member"} <= set(said.rpartition(": ")[2].split(", "))
    (problem,) = problems(lambda: configure(tmp_path / "no.yaml"))
    assert problem.endswith("no.yaml: no such file")


# Overriding, and what a run is recognised by


def test_what_the_command_line_says_stands_in_the_resolved_bench(bench):
    """The run directory must say what was really run."""
    plain = bench(SOLO + "repeats: 2\nlimits: {budget_usd: 3}\n")
    changed = override(plain, repeats=5, seed=9, budget_usd=1.5, max_in_flight=4)
    assert (changed.repeats, changed.seed) == (5, 9)
    assert (changed.limits.budget_usd, changed.limits.max_in_flight) == (1.5, 4)
    assert changed.resolved["repeats"] == 5
    assert changed.resolved["limits"]["budget_usd"] == 1.5
    assert override(plain).limits == plain.limits
    with pytest.raises(InputError, match="budget_usd is 0; it must be above 0"):
        override(plain, budget_usd=0.0)


NESTED = """\
recipes:
  outer: {strategy: vote, members: [inner, small]}
  inner: {strategy: self_fusion, member: small, n: 3}
  other: {strategy: solo, member: large}
grader: {model: large}
"""


def test_the_resolved_bench_of_a_run_can_be_run_again(bench, write):
    """A chosen recipe without the one in its seat could not even be read again."""
    import yaml

    chosen = override(bench(NESTED, recipes=["outer"]))
    again = configure(write("again.yaml", yaml.safe_dump(chosen.resolved)))
    assert set(again.recipes) == {"outer", "inner"}
    assert again.recipes["outer"] == chosen.recipes["outer"]


CHANGES = {
    "a parameter": ("n: 3", "n: 5"),
    "a parameter of a seat's recipe": ("member: small, n", "member: large, n"),
    "a model": ("temperature: 0.7", "temperature: 0.9"),
    "a seat": ("[inner, small]", "[inner, large]"),
    "the order of seats": ("[inner, small]", "[small, inner]"),
    "the grader": ("grader: {model: large", "grader: {passes: 2, model: large"),
    "repeats": ("grader:", "repeats: 2\ngrader:"),
    "the seed": ("grader:", "seed: 1\ngrader:"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_bench_does_not_go_on_with_an_old_run(write, change):
    """Trials of two designs in one table, under one name, would be compared as one."""
    before, after = CHANGES[change]
    one = configure(write("a.yaml", HEAD + NESTED))
    two = configure(write("b.yaml", (HEAD + NESTED).replace(before, after, 1)))
    assert fingerprint(one) != fingerprint(two)
    chosen = [configure(write(f, HEAD + NESTED), ["outer"]) for f in ("a.yaml", "b.yaml")]
    assert fingerprint(chosen[0]) == fingerprint(chosen[1]) != fingerprint(one)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("grader:", "limits: {budget_usd: 9, max_in_flight: 3}\ngrader:"),
        ("grader:", "name: renamed\ngrader:"),
        ("grader:", "# a comment\ngrader:"),
    ],
)
def test_a_larger_budget_goes_on_with_the_old_run(write, before, after):
    """Who ran out of budget gives more and expects to go on, not to begin again."""
    one = configure(write("a.yaml", HEAD + NESTED))
    two = configure(write("b.yaml", (HEAD + NESTED).replace(before, after, 1)))
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(override(one, budget_usd=2.0)) == fingerprint(override(one))


def test_a_run_with_some_recipes_is_another_run(bench):
    """Otherwise the full run would go on in the directory of the smaller one."""
    full, chosen = bench(NESTED), bench(NESTED, recipes=["inner"])
    assert fingerprint(full) != fingerprint(chosen)
    assert fingerprint(override(full)) != fingerprint(override(full, repeats=2))
    assert fingerprint(override(full)) != fingerprint(override(full, seed=2))


def test_edited_tasks_do_not_get_a_simulators_old_replies(write):
    """A simulator answers from the tasks that it knows; its URL stands in the key of each call."""
    path = write("bench.yaml", HEAD + SOLO)
    urls = {configure(path, tasks=t).models["small"].endpoint.base_url for t in (RUBRIC, CHECKED)}
    assert len(urls) == 2
    real = {configure(path, tasks=t).models["dear"].endpoint.base_url for t in (RUBRIC, CHECKED)}
    assert real == {"https://paid.example/v1"}


# Money


def with_recipes(bench, member: str, rest: str = ""):
    return bench(f"recipes:\n  a: {{strategy: solo, member: {member}}}\n{rest}")


@pytest.mark.parametrize(
    ("member", "rest", "wanted"),
    [
        ("dear", "", ["dear may cost money and there is no budget"]),
        ("nameless", "limits: {budget_usd: 1}\n", ["the price of model 'nameless'"]),
        ("nameless", "", ["nameless may cost money and there is no budget", "the price of model 'nameless'"]),
        ("small", "grader: {model: dear}\n", ["dear may cost money and there is no budget"]),
    ],
)  # fmt: skip
def test_money_without_a_limit_or_a_price_is_refused(bench, member, rest, wanted, monkeypatch):
    """A night's run on a frontier model costs a month's rent."""
    monkeypatch.setenv("PAID_KEY", "there")
    found = problems(lambda: refuse(CHECKED, with_recipes(bench, member, rest)))
    assert len(found) == len(wanted)
    assert all(part in problem for part, problem in zip(wanted, found, strict=True))


def test_a_missing_key_is_named_together_with_the_missing_budget(bench, monkeypatch):
    """Whoever mends the budget first would be sent back for the key; each with its line."""
    monkeypatch.delenv("PAID_KEY", raising=False)
    found = problems(lambda: refuse(CHECKED, with_recipes(bench, "nameless", "limits: {}\n")))
    assert [problem.split(":")[0] for problem in found[:2]] == ["3", str(9 - LINES)]
    assert "PAID_KEY" in found[2]


@pytest.mark.parametrize(
    ("member", "rest"),
    [
        ("small", ""),
        ("home", ""),
        ("gift", ""),
        ("dear", "limits: {budget_usd: 1}\n"),
        ("small", "limits: {budget_usd: 1}\n"),
    ],
)
def test_what_is_free_or_limited_may_run(bench, member, rest):
    """Nobody should have to write a budget for a server of their own."""
    refuse(CHECKED, with_recipes(bench, member, rest))


def test_a_server_of_ones_own_is_one_without_a_key(write):
    """A proxy on loopback that wants a key passes the bill on."""
    head = "endpoints:\n  e: {base_url: http://127.0.0.1:9/v1, api_key_env: K}\nmodels:\n  m: {endpoint: e, id: x}\n"
    assert costs_money(configure(write("b.yaml", head + "recipes: {a: {strategy: solo, member: m}}\n")).models["m"])  # fmt: skip


def test_only_models_that_can_be_reached_count(bench):
    """A model that is declared and never used must not ask for a budget; a nested one must."""
    text = """\
recipes:
  cheap: {strategy: solo, member: small}
  deep: {strategy: vote, members: [middle]}
  middle: {strategy: self_fusion, member: small, synthesizer: dear}
"""
    refuse(CHECKED, bench(text, recipes=["cheap"]))
    assert {model.name for model in models_used(bench(text, recipes=["deep"]))} == {"small", "dear"}
    assert problems(lambda: refuse(CHECKED, bench(text, recipes=["deep"])))


def test_rubrics_need_a_grader(bench):
    """Without one every answer would be paid and none scored."""
    (problem,) = problems(lambda: refuse(RUBRIC, bench(SOLO)))
    assert "no grader; add `grader: {model: …}`" in problem
    refuse(CHECKED, bench(SOLO))
    refuse(RUBRIC, bench(SOLO + "grader: {model: large}\n"))


def test_the_documented_bench_is_refused_without_its_budget(write):
    """The one line that stands between a copy of the manual and a bill."""
    text = DOCUMENTED.replace("budget_usd: 5.00, ", "")
    found = problems(lambda: refuse(RUBRIC, configure(write("bench.yaml", text))))
    assert any("there is no budget; set `limits: {budget_usd: …}` or give --budget" in p for p in found)  # fmt: skip


def test_refusals_are_bench_file_errors(bench):
    """One `except` for whoever builds on this."""
    with pytest.raises(BenchFileError):
        refuse(RUBRIC, bench(SOLO))


def test_unreadable_entries_do_not_hide_what_is_wrong_elsewhere(bench):
    """Somebody who mends a file one message at a time runs it five times."""
    found = problems(
        lambda: bench(
            "recipes:\n"
            "  one: {strategy: solo, member: nobody}\n"
            "  two: {strategy: sulo, member: small}\n"
            "limits: {budget_usd: -1}\n"
            "grader: {model: small, protocol: dracoo}\n"
            "repeats: 0\n"
        )
    )

    assert [problem.partition(":")[0] for problem in found] == ["2", "3", "4", "5", "6"]
