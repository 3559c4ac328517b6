"""The local page as a Starlette app, and the app on a port of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fusion_eval.errors import FusionEvalError, InputError, StatisticsError, bug_line
from fusion_eval.store import Run
from fusion_eval.viewing import labels
from fusion_eval.viewing.files import file_within, served
from fusion_eval.viewing.guard import Guard, new_token, told
from fusion_eval.viewing.live import GOING_ON, standing
from fusion_eval.viewing.pages import page
from fusion_eval.viewing.runs import Listed, baselines, listed, row_of, run_of

HOST = "127.0.0.1"
_STOP_S = 2
_FILES = (
    "report.html",
    "report.md",
    "summary.json",
    "manifest.json",
    "bench.yaml",
    "pareto.png",
    "pareto.svg",
    "trials.parquet",
    "verdicts.parquet",
    "calls.parquet",
    "answers.jsonl",
    "replies.jsonl",
    "tasks.jsonl",
    "junit.xml",
    "labels.parquet",
    "labels/sheet.csv",
    "labels/filled.csv",
)


def build(results: Path) -> Starlette:
    """The app for a results directory. Raises TableError where there is none."""
    listed(results)
    pages = Pages(results, new_token())
    get, post = ["GET"], ["POST"]
    return Starlette(
        routes=[
            Route("/", pages.list_runs, methods=get),
            Route("/compare", pages.compare, methods=get),
            Route("/live/{run}", pages.live, methods=get),
            Route("/label/{run}", pages.label, methods=get),
            Route("/label/{run}/agreement", pages.agreement, methods=get),
            Route("/label/{run}/{what:str}", pages.write, methods=post),
            Route("/runs/{run}", pages.to_run, methods=get),
            Route("/runs/{run}/", pages.run, methods=get),
            Route("/runs/{run}/{path:path}", pages.file, methods=get),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={
            HTTPException: _refused,
            FusionEvalError: _problem,
            OSError: _problem,
            Exception: _bug,
        },
    )


class Pages:
    """What is answered. Whatever reads files or computes does so in a thread."""

    def __init__(self, results: Path, token: str) -> None:
        self._results = results
        self._token = token

    async def list_runs(self, request: Request) -> Response:
        """All runs, or those whose row has the text `q`."""
        rows = await run_in_threadpool(listed, self._results)
        query = request.query_params.get("q", "")
        shown = [row for row in rows if query.lower() in _text_of(row)]
        return page(
            "runs.html.j2",
            simulated=False,
            results=str(self._results),
            rows=shown,
            all=len(rows),
            query=query,
            baselines=await run_in_threadpool(baselines, self._results),
            text_of=_text_of,
        )

    async def to_run(self, request: Request) -> Response:
        """With the slash, by which links within the page work."""
        return RedirectResponse(f"/runs/{self._run(request).path.name}/")

    async def run(self, request: Request) -> Response:
        """What a run is, and where its parts are."""
        run = self._run(request)
        rows = await run_in_threadpool(listed, self._results)
        return page(
            "run.html.j2",
            simulated=run.simulated,
            row=row_of(run.path),
            manifest=run.manifest,
            files=[name for name in _FILES if file_within(run.path, name)],
            others=[row.id for row in rows if row.id != run.path.name and row.problem is None],
            baselines=baselines(self._results),
        )

    async def file(self, request: Request) -> Response:
        """A file of a run directory."""
        run = self._run(request)
        return await run_in_threadpool(served, run.path, request.path_params["path"])

    async def live(self, request: Request) -> Response:
        """A run that goes on, or what it left."""
        run = self._run(request)
        now = await run_in_threadpool(standing, run)
        return page(
            "live.html.j2",
            simulated=run.simulated,
            run=run,
            now=now,
            going_on=now.status == GOING_ON,
            has_report=file_within(run.path, "report.html") is not None,
        )

    async def compare(self, request: Request) -> Response:
        """Two sides: runs, baselines, or the recipes of one run."""
        return await run_in_threadpool(self._compared, request)

    def _compared(self, request: Request) -> Response:
        from fusion_eval.viewing import pairs

        query = request.query_params
        a, b, force = query.get("a", ""), query.get("b", ""), query.get("force") == "1"
        rows = [row for row in listed(self._results) if row.problem is None]
        known = [row.id for row in rows]
        known += [f"{pairs.OF_BASELINE}{name}" for name in baselines(self._results)]
        values: dict[str, Any] = {"a": a, "b": b, "known": known, "found": None, "problem": None}
        simulated = False
        if a:
            sides = [pairs.side(self._results, name) if name else None for name in (a, b)]
            assert sides[0] is not None
            try:
                place = int(query.get("pair", "0")) if query.get("pair", "0").isdecimal() else 0
                values["found"] = pairs.compared(sides[0], sides[1], pair=place, force=force)
                simulated = values["found"].simulated
            except StatisticsError as problem:
                values["problem"] = str(problem)
        return page("compare.html.j2", simulated=simulated, force=force, **values)

    async def label(self, request: Request) -> Response:
        """The item that a person labels, or the question who it is."""
        run = self._run(request)
        query = request.query_params
        at = int(query["at"]) if query.get("at", "").isdecimal() else None
        return await run_in_threadpool(labels.item, run, query.get("person", ""), at, self._token)

    async def agreement(self, request: Request) -> Response:
        """What people and grader agree on, for those who have ended."""
        run, person = self._run(request), request.query_params.get("person", "")
        return await run_in_threadpool(labels.agreement, run, person)

    async def write(self, request: Request) -> Response:
        """A mark, an undo, or the end of a person's labelling; kept before it is answered."""
        value = await told(request, self._token)
        run, what = self._run(request), request.path_params["what"]
        return await run_in_threadpool(labels.write, run, what, value)

    def _run(self, request: Request) -> Run:
        run = run_of(self._results, request.path_params["run"])
        if run is None:
            raise HTTPException(404, "There is no run of this name here that can be read.")
        return run


def serve(app: Starlette, port: int) -> None:
    """Serve on the loopback until interrupted."""
    config = uvicorn.Config(
        app,
        host=HOST,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(uvicorn.Server(config).serve())


def _text_of(row: Listed) -> str:
    told = (row.id, row.date, row.tasks, row.bench, row.status.replace("_", " "), row.problem)
    mark = "simulated" if row.simulated else ""
    return " ".join(filter(None, (*told, mark))).lower()


async def _refused(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    said = detail if status not in (404, 405) or (" " in detail and detail != "Not Found") else ""
    return _said(said or "There is nothing at this address, or not for this method.", status)


async def _problem(_: Request, error: Exception) -> Response:
    status = 400 if isinstance(error, InputError) else 409
    return _said(error.strerror or "" if isinstance(error, OSError) else str(error), status)


async def _bug(_: Request, error: Exception) -> Response:
    return _said(bug_line(error), 500)


def _said(text: str, status: int) -> Response:
    return page("problem.html.j2", status, simulated=False, text=text)
