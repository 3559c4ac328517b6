"""A paid run can be read again without a call, and asked again for exactly the calls named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_kit import asked, bench_file, completion, rows
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

import fusion_eval as fe
from fusion_eval.cli import app
from fusion_eval.engine import mending, upkeep
from fusion_eval.engine.replies import words
from fusion_eval.errors import InputError

pytestmark = pytest.mark.usefixtures("no_figures")

SOLOS: dict[str, Any] = {
    "solo": {"strategy": "solo", "member": "heron"},
    "other": {"strategy": "solo", "member": "kestrel"},
}
TASKS = """\
name: t
tasks:
  - {id: good, check: numeric, target: "42", prompt: What is six times seven?}
  - {id: empty, check: numeric, target: "42", prompt: Say nothing.}
  - {id: cut, check: numeric, target: "42", prompt: Think long.}
"""


class _Endpoint:
    """Answers by the prompt; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.empty = ""

    def __call__(self, request: Request) -> Response:
        prompt = request.json["messages"][-1]["content"]
        self.asked.append(f"{request.json['model']}: {prompt.splitlines()[0]}")
        usage = {"prompt_tokens": 10, "completion_tokens": 300, "total_tokens": 310}
        body = completion("<think>hm</think>Answer: 42", usage=usage)
        if "nothing" in prompt:
            body = completion(self.empty, usage={**usage, "cost": 0.25})
        if "long" in prompt:
            body = completion("<think>hm, and then", finish="weird_end", usage=usage)
        return Response(json.dumps(body), content_type="application/json")


@pytest.fixture
def endpoint(httpserver: HTTPServer) -> _Endpoint:
    answering = _Endpoint()
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(answering)
    return answering


@pytest.fixture
def run(httpserver: HTTPServer, endpoint: _Endpoint, tmp_path: Path):
    """Runs the same bench again, and gives its trials by task."""
    (tmp_path / "t.yaml").write_text(TASKS)
    bench = bench_file(
        tmp_path, {"base_url": httpserver.url_for("/v1")}, recipes=SOLOS, grader=None, repeats=1,
        price={"input": 1.0, "output": 1.0},
    )  # fmt: skip

    def again(**options: Any) -> dict[str, Any]:
        done = fe.run(tmp_path / "t.yaml", bench, output_dir=tmp_path / "results", **options)
        return {row["task"]: row for row in rows(done, "trials") if row["recipe"] == "solo"}

    return again


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "results" / "ledger.sqlite"


def test_a_forgotten_call_is_asked_again_and_no_other(run: Any, endpoint: _Endpoint, ledger: Path):
    """One bad reply in the ledger would otherwise stand for good, or cost everything again."""
    run()
    endpoint.asked.clear()
    (key,) = (key for (key,) in asked(ledger, "SELECT key FROM replies")
              if "seven" in json.dumps(mending.show(ledger, key)["request"])
              and mending.show(ledger, key)["model"] == "wader/heron")  # fmt: skip

    assert mending.forget(ledger, call=key[:8]) == [key]
    run()

    assert endpoint.asked == ["wader/heron: What is six times seven?"]
    assert upkeep.verify(ledger) == []


def test_failed_calls_of_one_model_are_forgotten_and_their_bill_is_not(
    run: Any, endpoint: _Endpoint, ledger: Path
):
    """Forgotten dollars were paid; a budget that forgets them can be spent twice."""
    before = run()
    assert before["empty"]["failure"] == "empty"
    endpoint.asked.clear()
    endpoint.empty = "Answer: 42"

    would = mending.forget(ledger, failed=True, model="wader/heron", dry_run=True)
    did = mending.forget(ledger, failed=True, model="wader/heron")
    after = run()

    assert would == did
    assert sorted(endpoint.asked) == ["wader/heron: Say nothing.", "wader/heron: Think long."]
    assert after["empty"]["score"] == 1.0
    left = asked(ledger, "SELECT attempts FROM intents WHERE outcome='forgotten'")
    costs = sorted(json.loads(attempts)[0]["cost_worst"] for (attempts,) in left)
    assert costs[-1] == 0.25
    assert all(cost is not None for cost in costs)


def test_a_paid_run_is_read_again_by_a_new_reader_without_a_call(
    run: Any, endpoint: _Endpoint, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    """Where a reader learns something, whoever has paid already should not pay again for it."""
    before = run()
    assert before["cut"]["finish"] == "weird_end"
    endpoint.asked.clear()
    monkeypatch.setitem(words.FINISH, "weird_end", "length")

    looked = mending.reread(ledger, dry_run=True)
    done = mending.reread(ledger)
    after = run(replay=True)

    assert looked == done
    assert (done.replies, done.bodies, done.failures) == (6, 6, {})
    assert set(done.changed.values()) == {("finish",)}
    assert after["cut"]["finish"] == "length"
    assert after["good"] == {**before["good"], **{k: after["good"][k] for k in ("spent_usd",)}}
    assert endpoint.asked == []
    assert upkeep.verify(ledger) == []
    assert mending.reread(ledger).changed == {}


def test_what_a_new_reader_takes_for_a_failure_is_named_and_left(
    run: Any, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    """A reply must not vanish because somebody looked at it."""
    run()
    monkeypatch.setitem(words.FINISH, "weird_end", "error")

    done = mending.reread(ledger)

    assert len(done.failures) == 2
    assert {words.split(":")[0] for words in done.failures.values()} == {"provider_error"}
    assert set(mending.forget(ledger, failed=True)) >= set(done.failures)


def test_thoughts_stand_beside_the_text_and_explain_shows_them(
    run: Any, ledger: Path, tmp_path: Path
):
    """Who cannot see where the tokens went cannot see why an answer is empty."""
    run()
    place = ["--output-dir", str(tmp_path / "results")]
    trial = _said("explain", str(tmp_path / "results" / "latest"), "good/solo")
    cut = _said("explain", str(tmp_path / "results" / "latest"), "cut/solo")
    (key, *_) = (key for (key,) in asked(ledger, "SELECT key FROM replies ORDER BY at"))
    call = _said("explain", str(tmp_path / "results" / "latest"), key[:12])
    shown = json.loads(_said("ledger", "show", key[:12], *place))

    assert "Thought before (2 characters" in trial
    assert "all 300 output tokens went into thinking" in cut
    assert "Thought before" in call
    assert shown["reply"]["thoughts"]
    assert "<think>" in json.dumps(shown["body"])


@pytest.mark.parametrize("wrong", ["abc", "zzzzzz", "not a key", "ffffffffffff"])
def test_a_call_that_is_not_there_is_named(run: Any, ledger: Path, wrong: str):
    """A slip in a key must not forget another call."""
    run()
    with pytest.raises(InputError, match=wrong):
        mending.forget(ledger, call=wrong)
    with pytest.raises(InputError, match="--failed"):
        mending.forget(ledger)


def _said(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output
