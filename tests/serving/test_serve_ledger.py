"""`serve` and `run` ask the same calls: one ledger serves both, and nothing is paid twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
from serve_kit import Endpoint, Line, bench_of, chat, running

import fusion_eval as fe
from fusion_eval.bench.configure import configure
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.serving.app import build
from fusion_eval.serving.settings import Settings
from fusion_eval.store import read_lines

TASKS = Path(__file__).parents[2] / "tasks" / "mini.yaml"
RECIPES = ["solo-heron", "self-heron", "panel-budget", "debate"]


def _ask_all(app: Any, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        inside = httpx2.ASGITransport(app=app)
        client = httpx2.AsyncClient(transport=inside, base_url="http://localhost")
        async with app.router.lifespan_context(app), client:
            answers = [await client.post("/v1/chat/completions", json=body) for body in bodies]
            return [answer.json() for answer in answers]

    return asyncio.run(work())


def _served(results: Path, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tasks = load_tasks(TASKS)
    app = build(
        configure("demo", RECIPES, tasks), Settings(ledger=results / "ledger.sqlite"), tasks
    )
    return _ask_all(app, bodies)


def _bodies() -> list[dict[str, Any]]:
    tasks = [task for task in load_tasks(TASKS).tasks if task.target is None]
    return [
        {"model": recipe, "messages": [m.model_dump() for m in task.question.messages]}
        for recipe in RECIPES
        for task in tasks
    ]


def _keys(results: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(results / "ledger.sqlite")) as file:
        return {key for (key,) in file.execute("SELECT key FROM replies")}


def test_what_a_run_has_asked_is_served_from_its_ledger_word_for_word(tmp_path):
    """A recipe that is served would be another one than the recipe that was measured."""
    run = fe.run(TASKS, "demo", recipes=RECIPES, repeats=1, output_dir=tmp_path)
    measured = {
        (row["recipe"], row["task"]): row["answer"]
        for row in read_lines(run.path / "answers.jsonl")
    }
    before = _keys(tmp_path)
    answers = _served(tmp_path, _bodies())
    assert _keys(tmp_path) == before
    names = [task.id for task in load_tasks(TASKS).tasks if task.target is None]
    assert len(answers) == len(RECIPES) * len(names) > 8
    for answer, body in zip(answers, _bodies(), strict=True):
        fusion = answer["fusion"]
        assert fusion["calls_from_ledger"] == fusion["calls"] > 0
        assert fusion["spent_usd"] == 0.0
        assert fusion["cost_usd"] > 0
        task = next(
            t.id
            for t in load_tasks(TASKS).tasks
            if [m.model_dump() for m in t.question.messages] == body["messages"]
        )
        said = answer["choices"][0]["message"]["content"]
        assert said == (measured[body["model"], task] or "")


def test_what_was_served_a_run_need_not_ask_again(tmp_path):
    """The traffic of a day would be paid twice to be graded."""
    _served(tmp_path, _bodies())
    before = _keys(tmp_path)
    run = fe.run(TASKS, "demo", recipes=RECIPES, repeats=1, output_dir=tmp_path)
    calls = fe.calls(run)
    rubric = [task.id for task in load_tasks(TASKS).tasks if task.target is None]
    answering = calls[(calls["purpose"] == "answer") & calls["task"].isin(rubric)]
    assert set(answering["key"]) == before
    assert answering["cached"].all()


def test_without_a_ledger_equal_requests_are_asked_again(tmp_path):
    """A cache that nobody switched on would hide how answers differ."""
    endpoint = Endpoint(a=Line(), b=Line(), writer=Line())
    with running(endpoint.app) as url:
        bench = bench_of(url, tmp_path)
        for ledger, sent in ((None, 3), (tmp_path / "l.sqlite", 1)):
            endpoint.bodies.clear()
            answers = _ask_all(build(bench, Settings(ledger=ledger)), [chat()] * 3)
            assert len(endpoint.bodies) == sent
            hits = [answer["fusion"]["calls_from_ledger"] for answer in answers]
            assert hits == ([0, 0, 0] if ledger is None else [0, 1, 1])


def test_a_failure_is_not_remembered_by_a_server(tmp_path):
    """One bad minute of an endpoint would last until the next restart."""
    endpoint = Endpoint(a=Line(status=500), b=Line(), writer=Line())
    with running(endpoint.app) as url:
        app = build(bench_of(url, tmp_path), Settings(ledger=tmp_path / "l.sqlite"))

        async def work() -> list[int]:
            inside = httpx2.ASGITransport(app=app)
            client = httpx2.AsyncClient(transport=inside, base_url="http://localhost")
            async with app.router.lifespan_context(app), client:
                bad = await client.post("/v1/chat/completions", json=chat())
                endpoint.lines["a"] = Line()
                good = await client.post("/v1/chat/completions", json=chat())
                return [bad.status_code, good.status_code]

        assert asyncio.run(work()) == [502, 200]


def test_a_client_that_leaves_ends_its_call_but_not_that_of_another(tmp_path):
    """With a ledger equal requests share one call, and it belongs to all of them."""
    endpoint = Endpoint(a=Line(first_s=0.8), b=Line(), writer=Line())
    with running(endpoint.app) as url:
        app = build(bench_of(url, tmp_path), Settings(ledger=tmp_path / "l.sqlite"))
        with running(app) as mine:
            asyncio.run(_one_of_two_leaves(f"{mine}/v1/chat/completions"))
            assert (len(endpoint.bodies), endpoint.left) == (1, 0)
            asyncio.run(_leaves(f"{mine}/v1/chat/completions", chat("solo", "Another?")))
            again = httpx2.post(f"{mine}/v1/chat/completions", json=chat("solo", "Another?"))
    assert again.status_code == 200
    assert (len(endpoint.bodies), endpoint.left) == (3, 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "l.sqlite")) as file:
        ended = file.execute("SELECT outcome, attempts FROM intents").fetchall()
    assert sorted(outcome for outcome, _ in ended) == ["done", "done", "failed"]
    (attempts,) = [json.loads(made) for _, made in ended if made]
    assert attempts[0]["failure"] == "cancelled"
    assert attempts[0]["billed"] is None  # possibly paid


async def _leaves(url: str, body: dict[str, Any]) -> None:
    async with httpx2.AsyncClient(timeout=0.3) as client:
        with contextlib.suppress(httpx2.ReadTimeout):
            await client.post(url, json=body)
    await asyncio.sleep(0.3)


async def _one_of_two_leaves(url: str) -> None:
    async with httpx2.AsyncClient(timeout=20) as client:
        stays = asyncio.ensure_future(client.post(url, json=chat()))
        await asyncio.sleep(0.1)
        await _leaves(url, chat())
        assert (await stays).status_code == 200
