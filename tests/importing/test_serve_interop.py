"""Other people's clients, unmodified, against `serve` on the simulator. `make interop` brings them.

Each lives in an environment of its own, as in `test_interop`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from serve_kit import running
from test_interop import LM_EVAL, QUESTIONS, called, tool

from fusion_eval.bench.configure import configure
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.serving.app import build
from fusion_eval.serving.settings import Settings

pytestmark = pytest.mark.interop
TASKS = load_tasks(Path(__file__).parents[2] / "tasks" / "mini.yaml")
RECIPE = "panel-budget"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(tools_to="heron", max_requests=200)
    with running(build(configure("demo", None, TASKS), settings, TASKS)) as mine:
        yield f"{mine}/v1"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """Clients want one, and `serve` on the loopback none."""
    monkeypatch.setenv("OPENAI_API_KEY", "any-0123456789abcdef")


INSPECT = """
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
rows = {rows!r}
task = Task(dataset=[Sample(id=i, input=q, target="e") for i, q, _ in rows], scorer=includes(),
            name="sums")
for more in ({{}}, {{"responses_api": True}}):
    log = eval(task, model="openai/{recipe}", model_base_url={url!r}, model_args=more,
               log_dir="logs", display="none")[0]
    (usage,) = log.stats.model_usage.values()
    print(log.status, len(log.samples), usage.total_tokens > 0, log.error and log.error.message)
"""


def test_inspect_completes_a_task_set_with_its_default_openai_provider(url, tmp_path):
    """By chat completions and by Responses."""
    code = INSPECT.format(rows=QUESTIONS, recipe=RECIPE, url=url)
    (tmp_path / "task.py").write_text(code)
    said = called(tool("inspect", "bin", "python"), "task.py", cwd=tmp_path)
    assert said.splitlines()[-2:] == ["success 6 True None"] * 2


def test_lm_eval_completes_a_task_set_with_local_chat_completions(url, tmp_path):
    """It sends a temperature, a seed, a limit and stop sequences unasked."""
    rows = [{"question": q, "answer": t} for _, q, t in QUESTIONS]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(LM_EVAL.format(data=tmp_path / "data.jsonl"))
    called(
        tool("lm-eval", "bin", "lm_eval"),
        "--model",
        "local-chat-completions",
        "--model_args",
        f"model={RECIPE},base_url={url}/chat/completions,num_concurrent=2,max_retries=1",
        "--apply_chat_template",
        "--tasks",
        "sums",
        "--include_path",
        tmp_path,
        "--output_path",
        tmp_path / "out",
        "--log_samples",
        cwd=tmp_path,
    )
    (samples,) = (tmp_path / "out").rglob("samples*.jsonl")
    answers = [json.loads(line)["resps"][0][0] for line in samples.read_text().splitlines()]
    assert len(answers) == 6
    assert all(answers)


def test_promptfoo_completes_a_task_set_with_its_openai_provider(url, tmp_path):
    """By chat completions and by Responses, with the tokens that it counts."""
    providers = [
        {"id": f"openai:{api}:{RECIPE}", "config": {"apiBaseUrl": url}}
        for api in ("chat", "responses")
    ]
    config = {
        "prompts": ["{{q}}"],
        "providers": providers,
        "tests": [{"vars": {"q": q}} for _, q, _ in QUESTIONS],
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    called(
        tool("promptfoo", "node_modules", ".bin", "promptfoo"),
        "eval",
        "-c",
        "c.json",
        "--no-cache",
        "--no-progress-bar",
        "-o",
        "out.json",
        cwd=tmp_path,
    )
    results = json.loads((tmp_path / "out.json").read_text())["results"]["results"]
    assert len(results) == 12
    assert not [one["error"] for one in results if one.get("error")]
    assert all(one["response"]["output"] for one in results)
    assert all(one["response"]["tokenUsage"]["total"] > 0 for one in results)


LITELLM = """
import litellm, asyncio
litellm.suppress_debug_info = True
to = dict(model="openai/{recipe}", api_base={url!r}, api_key="any", num_retries=0)
rows = {rows!r}
for _, q, _ in rows:
    answer = litellm.completion(messages=[{{"role": "user", "content": q}}], **to)
    assert answer.choices[0].message.content and answer.usage.total_tokens > 0
print(answer._hidden_params["additional_headers"]["llm_provider-x-fusion-cost-usd"])
pieces = litellm.completion(messages=[{{"role": "user", "content": q}}], stream=True,
                            stream_options={{"include_usage": True}}, **to)
chunks = list(pieces)
print(bool("".join(c.choices[0].delta.content or "" for c in chunks if c.choices)))
print(chunks[-1].usage.total_tokens > 0)
late = asyncio.run(litellm.acompletion(messages=[{{"role": "user", "content": q}}], **to))
print(late.model)
said = litellm.responses(input=q, **to)
print(said.output[0].content[0].text != "")
"""


def test_litellm_completes_a_task_set_as_a_client(url, tmp_path):
    """Sync, async, streamed and Responses; what an answer cost arrives with it."""
    (tmp_path / "c.py").write_text(LITELLM.format(rows=QUESTIONS, recipe=RECIPE, url=url))
    said = called(tool("litellm", "bin", "python"), "c.py", cwd=tmp_path).split()
    cost, *others = said[-5:]
    assert float(cost) > 0
    assert others == ["True", "True", RECIPE, "True"]


def test_schemathesis_finds_no_failure_of_the_server_and_no_answer_unlike_its_description(
    url, tmp_path
):
    """Whatever is sent, the server answers, as its description says."""
    root = url.removesuffix("/v1")
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,"
        "response_schema_conformance"
    )
    said = called(
        tool("schemathesis", "bin", "schemathesis"),
        "run",
        f"{root}/openapi.json",
        "--url",
        root,
        "--checks",
        checks,
        "--max-examples",
        "80",
        "--seed",
        "1",
        "--workers",
        "1",
        "--no-color",
        cwd=tmp_path,
    )
    assert "passed" in said.lower() or "no issues" in said.lower(), said[-1500:]


OPEN_RESPONSES = """
import json, sys, urllib.request
import openresponses_types as types
url, recipe = sys.argv[1:]
events = {}
for name in dir(types):
    if name.endswith("StreamingEvent"):
        form = getattr(types, name)
        events[next(iter(form.model_fields["type"].annotation)).value] = form

def ask(stream, **body):
    data = json.dumps({"model": recipe, "stream": stream, **body}).encode()
    request = urllib.request.Request(url + "/responses", data)
    text = urllib.request.urlopen(request).read().decode()
    seen = []
    if stream:
        *blocks, last = [b for b in text.split("\\n\\n") if b and not b.startswith(":")]
        assert last == "data: [DONE]"
        for block in blocks:
            head, data = block.split("\\n")
            seen.append(json.loads(data.removeprefix("data: ")))
            assert head == "event: " + seen[-1]["type"]
            events[seen[-1]["type"]].model_validate(seen[-1])
        whole = seen[-1]["response"]
    else:
        whole = json.loads(text)
    types.ResponseResource.model_validate(whole)
    return [event["type"] for event in seen], [item["type"] for item in whole["output"]], whole

def said(role, content):
    return {"type": "message", "role": role, "content": content}

image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
tool = {"type": "function", "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
for stream in (False, True):
    for body in (
        {"input": [said("user", "Three words.")]},
        {"input": [said("system", "Be a pirate."), said("user", "Hello.")]},
        {"input": [said("user", "I am Ann."), said("assistant", "Hi."), said("user", "Who am I?")]},
        {"input": [said("user", [{"type": "input_text", "text": "What is it?"}, image])]},
    ):
        kinds, items, whole = ask(stream, **body)
        assert items == ["message"] and whole["status"] == "completed", whole
        assert not stream or "response.output_text.delta" in kinds
    kinds, items, _ = ask(stream, input="Weather?", tools=[tool], tool_choice="required")
    assert items == ["function_call"]
    assert not stream or "response.function_call_arguments.delta" in kinds
print("ten cases")
"""


def test_responses_and_their_events_are_those_of_the_open_responses_specification(url, tmp_path):
    """By its published types: basic, system prompt, several turns, an image, a tool; streamed too.

    Two deviations: nothing is stored, so `previous_response_id` is refused; and a simulated model
    calls a tool only where it must, while the suite of the specification leaves that to the model.
    """
    (tmp_path / "c.py").write_text(OPEN_RESPONSES)
    said = called(tool("openresponses", "bin", "python"), "c.py", url, RECIPE, cwd=tmp_path)
    assert said.strip() == "ten cases"
