"""World files: read strictly, all problems at once, and only what differs from another world."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import forked
import pytest

from fusion_eval.errors import BenchFileError
from fusion_eval.simulator import load_world, worlds

NAMES = {
    "default",
    "evidence",
    "evidence-equal",
    "no-effect",
    "harmful",
    "floor",
    "ceiling",
    "rare-collapse",
    "needle",
    "equal",
    "gullible",
}


def _default_text() -> str:
    return (resources.files("fusion_eval.simulator") / "worlds" / "default.yaml").read_text("utf-8")


def _world(tmp_path: Path, text: str, name: str = "mine.yaml") -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def _line(text: str, needle: str) -> int:
    return next(i for i, row in enumerate(text.splitlines(), 1) if needle in row)


def test_every_packaged_world_loads_with_prices_for_all_models():
    """A broken world file would stop every run that needs no key."""
    assert set(worlds()) == NAMES
    for name in worlds():
        world = load_world(name)
        assert world.name == name
        assert set(world.prices) == set(world.models) == set(load_world("default").models)
        assert all(price.source == "simulator" for price in world.prices.values())
        assert re.fullmatch("[0-9a-f]{16}", world.digest)
    assert len({load_world(name).digest for name in worlds()}) == len(NAMES)


def test_an_unknown_world_is_answered_with_the_nearest_name():
    """Whoever mistypes `default` would otherwise have to read the source."""
    with pytest.raises(BenchFileError, match="did you mean 'default'"):
        load_world("defualt")


def test_all_problems_of_a_file_are_told_at_once_with_their_lines(tmp_path):
    """One problem per run means one run per problem."""
    text = _default_text().replace("slip: 0.02", "slip: 1.2").replace("lists: 0.9", "lsits: 0.9")
    text = text.replace("name: default", "name: default\nsleep: yes")

    with pytest.raises(BenchFileError) as caught:
        load_world(_world(tmp_path, text))

    problems = "\n".join(caught.value.problems)
    for words, needle in (
        ("unknown key 'sleep'", "sleep: yes"),
        ("checkable.slip.*1.2", "slip: 1.2"),
        ("unknown key 'lsits'; did you mean 'lists'", "lsits"),
    ):
        assert re.search(rf"mine.yaml:{_line(text, needle)}: .*{words}", problems), problems


SMALL = """\
extends: default
name: mine
grading:
  lenient_to: {{{family}: 0.3}}
makers:
  raptor:
    raptor/condor: {{ability: 0.5, rates: {{empty: {empty}}}{more}}}
"""


@pytest.mark.parametrize(
    ("values", "line", "words"),
    [
        ({"empty": "1.2"}, 7, r"raptor/condor\.rates\.empty.*less than or equal to 1.*1\.2"),
        ({"more": ", abilty: 1.0"}, 7, "unknown key 'abilty'; did you mean 'ability'"),
        ({"family": "rptor"}, 4, "unknown family 'rptor'; did you mean 'raptor'"),
    ],
)
def test_a_world_with_an_unknown_key_a_probability_or_a_family_exits_with_2(
    tmp_path, values, line, words
):
    """A world that is not what its author thinks gives error rates of something else."""
    given = {"family": "raptor", "empty": "0.1", "more": ""} | values
    path = _world(tmp_path, SMALL.format(**given))
    with pytest.raises(BenchFileError, match=rf"mine\.yaml:{line}: .*{words}"):
        load_world(path)

    tasks = str(Path(__file__).parents[2] / "tasks" / "mini.yaml")
    bench = Path(_world(tmp_path, _bench(path), "bench.yaml"))
    done = forked.run("plan", tasks, "--bench", bench)
    assert done.returncode == 2
    assert re.search(rf"mine\.yaml:{line}: ", "".join(done.stderr.split("\n")))
    assert "Traceback" not in done.stderr


def _bench(world: str) -> str:
    return (
        f"endpoints: {{sim: {{simulator: {world}}}}}\n"
        "models: {heron: {endpoint: sim, id: wader/heron}}\n"
        "recipes: {solo: {strategy: solo, member: heron}}\n"
        "grader: {model: heron}\n"
    )


def test_a_world_that_extends_another_holds_only_what_differs(tmp_path):
    """Whoever copies 120 lines to change one will not notice what changes below later."""
    world = load_world(_world(tmp_path, SMALL.format(family="raptor", empty="0.2", more="")))
    base = load_world("default")
    condor = world.models["raptor/condor"]
    assert (condor.ability, condor.rates.empty) == (0.5, 0.2)
    assert condor.rates.truncated == base.models["raptor/condor"].rates.truncated
    assert world.grading.lenient_to == {"raptor": 0.3}
    same = {"name", "grading", "makers"}
    assert world.model_dump(exclude=same) == base.model_dump(exclude=same)


def test_a_problem_below_is_told_in_the_file_below(tmp_path):
    """The line of the wrong file sends people looking."""
    _world(tmp_path, _default_text().replace("slip: 0.02", "slip: 7"), "below.yaml")
    line = _line(_default_text(), "slip: 0.02")
    above = _world(tmp_path, "extends: below.yaml\nname: above\n")
    with pytest.raises(BenchFileError, match=rf"below\.yaml:{line}: checkable\.slip"):
        load_world(above)


def test_worlds_that_extend_nothing_or_each_other_are_refused(tmp_path):
    """An endless loop tells nobody anything."""
    _world(tmp_path, "extends: b.yaml\n", "a.yaml")
    circle = _world(tmp_path, "extends: a.yaml\n", "b.yaml")
    with pytest.raises(BenchFileError, match="extend each other"):
        load_world(circle)
    with pytest.raises(BenchFileError, match=r"mine\.yaml:1: unknown world 'florr'.*'floor'"):
        load_world(_world(tmp_path, "extends: florr\n"))
    with pytest.raises(BenchFileError, match="names one world"):
        load_world(_world(tmp_path, "extends: [default]\n"))


def test_a_file_that_is_missing_or_no_yaml_is_an_error_and_no_traceback(tmp_path):
    """A person gets the name of the file, not a stack."""
    with pytest.raises(BenchFileError, match="no such file"):
        load_world(str(tmp_path / "none.yaml"))
    for text in ("a: [1", "- 1", "", "{}", "a: *b", "a: 1\na: 2"):
        with pytest.raises(BenchFileError, match=r"mine\.yaml"):
            load_world(_world(tmp_path, text))


def test_the_digest_changes_with_any_number(tmp_path):
    """Runs in different worlds must not be taken for one."""
    text = _default_text()
    changed = load_world(_world(tmp_path, text.replace("slip: 0.02", "slip: 0.03")))
    assert changed.digest != load_world("default").digest
    assert load_world(_world(tmp_path, text)).digest == load_world("default").digest
