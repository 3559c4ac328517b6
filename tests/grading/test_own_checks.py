"""Checks and protocols of users: asked like ours, and never trusted to be without a bug."""

from __future__ import annotations

import textwrap

import pytest
import yaml
from engine_kit import IDS

import fusion_eval as fe
from fusion_eval.errors import InputError

CHECKS = """
from fusion_eval.core import Protocol

def contains(answer: str, target: str) -> bool:
    return target.casefold() in answer.casefold()

def share(answer, target):
    words = target.split()
    return sum(w in answer for w in words) / len(words), f"{len(words)} words"

def unsure(answer, target):
    return None

def broken(answer, target):
    return {}[target]

def odd(answer, target):
    return "yes"

def short(answer):
    return True

async def later(answer, target):
    return True

strict = Protocol(name="strict-order", criteria_per_call=2, shuffled=True)
not_one = {"name": "x"}
"""
BENCH = {
    "endpoints": {"sim": {"simulator": "default"}},
    "models": {name: {"endpoint": "sim", "id": i} for name, i in IDS.items()},
    "recipes": {"solo": {"strategy": "solo", "member": "heron"}},
}


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A user's module beside the bench, under a name that no other test has imported."""
    name = f"mine_{abs(hash(tmp_path))}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(CHECKS))
    return name


def _tasks(module: str, function: str, target: str = "the") -> list[dict[str, str]]:
    check = f"{module}:{function}"
    return [{"id": "a", "prompt": "Why is the sky blue?", "check": check, "target": target}]


def test_a_check_of_a_user_scores_answers_as_ours_do(module, tmp_path):
    """A new kind of check needed three files of this package, and crashed until all were found."""
    run = fe.run(_tasks(module, "contains", "a"), BENCH, output_dir=tmp_path)
    row = fe.verdicts(run).iloc[0]

    assert (row["verdict"], row["value"]) == ("met", 1.0)
    assert row["grader"] == f"check:{module}:contains"
    assert fe.trials(run)["score"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("function", "verdict", "value", "reason"),
    [
        ("share", "met", 0.5, "2 words"),
        ("unsure", "unreadable", None, "could not tell"),
        ("broken", "unreadable", None, "the check failed: KeyError"),
        ("odd", "unreadable", None, "the check gave 'yes'; give True, False"),
    ],
)
def test_a_check_that_cannot_tell_is_no_wrong_answer(module, function, verdict, value, reason):
    """A bug in a check counted as 0 would be the fault of every model."""
    from fusion_eval.grading.own import check_own

    word, why, got = check_own(f"{module}:{function}", "a sky", "a ground")

    assert (word, got) == (verdict, value)
    assert reason in why


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("{}:contain", ["cannot be imported", "(1 task)"]),
        ("nowhere:contains", ["cannot be imported", "nowhere"]),
        ("{}:short", ["does not take an answer and a target"]),
        ("{}:later", ["no plain function"]),
        ("contans", ["'contans' is unknown", "regex", "module:function"]),
    ],
)
def test_a_check_that_is_not_there_is_refused_before_any_call(module, tmp_path, check, words):
    """After the calls it would be paid for, with every answer unread."""
    tasks = [{"id": "a", "prompt": "Why?", "check": check.format(module), "target": "x"}]
    with pytest.raises(InputError) as refused:
        fe.run(tasks, BENCH, output_dir=tmp_path)
    for word in words:
        assert word in str(refused.value)
    assert not list(tmp_path.glob("2*"))


def test_validate_names_whose_code_it_ran_and_what_is_wrong_with_it(module, tmp_path):
    """`validate` runs in CI on files of strangers; imported code has run there."""
    path = tmp_path / "tasks.yaml"
    path.write_text(yaml.safe_dump({"tasks": _tasks(module, "contains")}))
    (good,) = fe.validate(path)
    path.write_text(yaml.safe_dump({"tasks": _tasks(module, "short")}))
    (bad,) = fe.validate(path)

    assert (good["imports"], good["problems"]) == ([module], [])
    assert "does not take" in bad["problems"][0]


def test_a_protocol_of_a_user_is_asked_and_named(module, tmp_path):
    """A protocol that could only be changed key by key had no name to compare runs under."""
    tasks = [{"id": "a", "prompt": "Why?", "criteria": [
        {"id": f"c{k}", "weight": 1, "requirement": f"Says {k}"} for k in range(3)]}]  # fmt: skip
    bench = {**BENCH, "grader": {"model": "referee", "protocol": f"{module}:strict"}}
    run = fe.run(tasks, bench, output_dir=tmp_path)

    assert fe.verdicts(run)["protocol"].str.startswith("strict-order@").all()
    for name, word in (("not_one", "is none"), ("nothing", "cannot be imported")):
        wrong = {**bench, "grader": {"model": "referee", "protocol": f"{module}:{name}"}}
        with pytest.raises(InputError, match=word):
            fe.plan(tasks, wrong)
