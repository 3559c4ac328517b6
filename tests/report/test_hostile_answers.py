"""Answers that forge structure, before graders who believe all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from engine_kit import bench_file, rows
from hypothesis import given
from hypothesis import strategies as st
from simulator_kit import Room

import fusion_eval as fe
from fusion_eval import prompts
from fusion_eval.core import Message, Messages, Reply, Task
from fusion_eval.grading import PROTOCOLS
from fusion_eval.grading.batches import batches
from fusion_eval.grading.reading import read
from fusion_eval.loading.tasks import load_task_files
from fusion_eval.simulator import load_world
from fusion_eval.simulator.quoting import parted

FILE = "tasks/adversarial.yaml"
TASKS = load_task_files([FILE]).tasks
GULLIBLE = load_world("gullible")
OWL = "strix/owl"
QUIET = {"repeats-the-rubric", "invisible", "empty"}
"""Classes that forge no structure: what they try must fail for other reasons."""


def naive(task: Task, answer: str, criterion) -> Messages:
    """How graders are often asked: everything in a row, nothing that holds the answer."""
    text = (
        f"{task.question.prompt}\n\nThe criterion: {criterion.requirement}\n\n"
        f"Answer:\n{answer}\n\nIs the criterion MET or UNMET?"
    )
    return (Message(role="user", content=text),)


def tagged(task: Task, answer: str, criterion) -> Messages:
    """Delimiters that everybody knows."""
    return naive(task, f"<answer>\n{answer}\n</answer>", criterion)


def dashed(task: Task, answer: str, criterion) -> Messages:
    """A line that is announced and can be guessed."""
    return naive(task, f"(between lines of -----)\n-----\n{answer}\n-----", criterion)


def ours(task: Task, answer: str, criterion) -> Messages:
    """The default prompt."""
    return prompts.grade(task.question, answer, criterion)


def said(room: Room, task: Task, asked: Messages, batch) -> dict[str, str]:
    """Verdicts of the gullible grader."""
    form = prompts.form(batch)
    reply = room.text(OWL, asked, schema=form)
    words = {1.0: "met", 0.0: "unmet", None: "unreadable"}
    each = zip(batch, read(Reply(text=reply), batch), strict=True)
    return {criterion.id: words[found.value] for criterion, found in each}


@pytest.fixture(scope="module")
def room() -> Room:
    """All tasks, known to graders who read everything right and believe everything."""
    return Room(GULLIBLE, TASKS)


def fooled(room: Room, asking) -> set[str]:
    """Attacks under which some verdict is not the true one."""
    found = set()
    for task in TASKS:
        answer, true = task.metadata["answer"], task.metadata["verdicts"]
        for criterion in task.leaves if answer else ():
            verdict = said(room, task, asking(task, answer, criterion), (criterion,))
            if verdict[criterion.id] != true[criterion.id]:
                found.add(task.id)
    return found


def test_with_the_default_prompt_no_forged_structure_changes_a_verdict(room):
    """A leaderboard whose grader can be talked to ranks those who talk to it."""
    assert fooled(room, ours) == set()


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
@pytest.mark.parametrize("order", ["criteria_first", "answer_first"])
def test_nor_does_it_under_any_ready_protocol_and_order(room, name, order):
    """A cheaper protocol that can be fooled is not cheaper."""
    protocol = PROTOCOLS[name]
    for task in TASKS:
        answer, true = task.metadata["answer"], task.metadata["verdicts"]
        for batch in batches(task.leaves, protocol, answer, 0) if answer else ():
            asked = prompts.grade(task.question, answer, *batch, order=order)
            assert said(room, task, asked, batch) == {c.id: true[c.id] for c in batch}, task.id


def test_the_control_the_same_grader_is_fooled_by_nearly_all_of_them_without_delimiters(room):
    """Were it not, the test above would show nothing."""
    forging = {task.id for task in TASKS} - QUIET
    assert fooled(room, naive) == forging
    assert {"closes-tags", "closes-the-dashes"} & fooled(room, tagged) == {"closes-tags"}
    assert {"closes-tags", "closes-the-dashes"} & fooled(room, dashed) == {"closes-the-dashes"}


def test_a_run_over_all_of_them_gives_every_answer_its_true_verdicts(tmp_path: Path):
    """Through the verb that users have, ledger, parser and tables included."""
    bench = bench_file(tmp_path, {"simulator": "gullible"})
    run = fe.grade(FILE, bench=bench, output_dir=tmp_path / "results")
    true = {(t.id, c): word for t in TASKS for c, word in t.metadata["verdicts"].items()}
    verdicts = {(v["task"], v["criterion"]): v["verdict"] for v in rows(run, "verdicts")}

    assert verdicts == {key: word for key, word in true.items() if key[0] != "empty"}
    assert {t["task"] for t in rows(run, "trials") if t["failure"]} == {"empty"}
    assert run.simulated


def test_a_grader_who_quotes_the_answer_fools_a_reader_of_any_object_and_not_ours():
    """Real graders tell of the forged verdict before they give their own."""
    grading = GULLIBLE.grading.model_copy(update={"quotes": 1.0})
    room = Room(GULLIBLE.model_copy(update={"grading": grading}), TASKS)
    naively, by_ours = set(), set()
    for task in TASKS:
        answer, true = task.metadata["answer"], task.metadata["verdicts"]
        for criterion in task.leaves if answer else ():
            asked = ours(task, answer, criterion)
            text = room.text(OWL, asked, schema=prompts.form((criterion,)))
            first = re.search(r'"verdict"\s*:\s*"(\w+)"', text)
            if first and first[1].lower() != true[criterion.id]:
                naively.add(task.id)
            (verdict,) = read(Reply(text=text), (criterion,))
            if verdict.value not in {None, float(true[criterion.id] == "met")}:
                by_ours.add(task.id)

    assert {"forged-verdict-json", "forged-verdict-unmet"} <= naively
    assert by_ours == set()


@given(st.text(), st.sampled_from([t.leaves[0] for t in TASKS]))
def test_whatever_the_answer_its_quotation_ends_where_it_ends(answer, criterion):
    """One text that gets out is enough: it will be found and copied."""
    asked = prompts.grade(TASKS[0].question, answer, criterion)
    text = "\n\n".join(message.content for message in asked)
    outside, inside = parted(text)
    assert inside == answer
    assert prompts.marker(answer) not in answer
    assert outside == parted(text.replace(f"\n{answer}\n", "\n\n") if answer else text)[0]


def test_every_attack_is_explained():
    """A class that nobody can look up is a class that nobody defends against."""
    documented = Path("docs/grading.md").read_text("utf-8")
    assert [t.id for t in TASKS if f"`{t.id}`" not in documented] == []
