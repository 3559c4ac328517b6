"""What our replicas of four systems send, call by call, against what these systems sent.

The originals were driven with one question and a system prompt (opencode-llm-fusion 199b132,
openfusion 64094a4, OpenFusion 142dd80); here stand number, order and roles of their calls, who sees
what, under which label, and the parameters. Their texts are theirs.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_kit import once
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.bench.configure import configure
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Question, Reply, Task, Trial
from fusion_eval.engine.client import Clients
from fusion_eval.errors import NoAnswerError
from fusion_eval.loading.bench import presets
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.prompts.wording import flattened
from fusion_eval.strategies.roles import panel_of, way_of
from fusion_eval.strategies.router import by_signs
from fusion_eval.strategies.seats import EmptySeat, Terms, admitted

TASKS = Path(__file__).parents[2] / "tasks"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "originals" / "sequences.json"
QUESTION, SYSTEM = "What is the right one?", "Speak like a tutor."
LC, OF = "as-shipped-opencode-llm-fusion", "as-shipped-openfusion"
LL, FH = "as-shipped-openfusion-lling0000", "as-shipped-fusionharness"


@dataclass
class Upstream:
    """A server that keeps what it is asked and answers with the name of the model, or fails."""

    asked: list[tuple[str, dict[str, Any]]]
    fails: frozenset[str] = frozenset()
    reader: str = "2"
    forms: bool = False

    def __call__(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        self.asked.append((request.path.removeprefix("/v1"), body))
        if body["model"] in self.fails or ("reader" in self.fails and reads(body)):
            return Response(json.dumps({"error": {"message": "broken"}}), status=400)
        reader = "response_format" in body if self.forms else reads(body)
        text = self.reader if reader else f"<{body['model']}> says so."
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
        if request.path.endswith("responses"):
            items = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
            whole = {"object": "response", "status": "completed", "output": items, "usage": usage}
            event = {"type": "response.completed", "response": whole}
        else:
            choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
            whole = event = {"choices": [choice], "usage": usage}
        if body.get("stream"):
            events = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n"
            return Response(events, mimetype="text/event-stream")
        return Response(json.dumps(whole), mimetype="application/json")


def messages(body: dict[str, Any]) -> list[dict[str, str]]:
    """The messages of either interface."""
    return body.get("messages") or body["input"]


def reads(body: dict[str, Any]) -> bool:
    """Whether a request shows answers, and not for a revision of one's own."""
    texts = [message["content"] for message in messages(body)]
    return any("says so." in t and "Your previous answer" not in t for t in texts)


def asked_of(
    httpserver: HTTPServer,
    folder: Path,
    preset: str,
    recipe: str,
    *,
    fails: str = "",
    reader: str = "2",
) -> tuple[Upstream, Trial]:
    """What a recipe of a preset sends for the one question, and its trial."""
    upstream = Upstream([], frozenset(fails.split()), reader, forms=reader.startswith("{"))
    httpserver.expect_request(re.compile("/v1/.*")).respond_with_handler(upstream)
    entries = yaml.safe_load(presets()[preset].read_text())
    for endpoint in entries["endpoints"].values():
        endpoint["base_url"] = httpserver.url_for("/v1")
        del endpoint["api_key_env"]
    (folder / "bench.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))
    bench = configure(folder / "bench.yaml")
    task = Task(id="one", question=Question(prompt=QUESTION, system=SYSTEM))

    async def run() -> Trial:
        clients = Clients()
        try:
            return await run_trial(task, bench.recipes[recipe], 0, once(clients.send), bench)
        finally:
            await clients.close()

    return upstream, asyncio.run(run())


def seen(calls: list[tuple[str, dict[str, Any]]], ids: list[str]) -> list[tuple[Any, ...]]:
    """Calls as what they show: interface, model, parameters, and of each message its role, whether
    question and system prompt are in it, and labels and authors of answers. Models are numbered."""
    return [
        (
            path,
            ids.index(body["model"]),
            {k: v for k, v in body.items() if k not in _NO_PARAMETERS},
            [_message(m, ids) for m in messages(body)],
        )
        for path, body in calls
    ]  # fmt: skip


_NO_PARAMETERS = {"model", "messages", "input", "stream_options"}
"""`stream_options` is the one field that ours send beyond: without it a stream tells no usage."""


def _message(message: dict[str, str], ids: list[str]) -> tuple[Any, ...]:
    text = message["content"]
    shown = sorted(
        (at.start(), i)
        for i, one in enumerate(ids)
        for at in re.finditer(re.escape(f"<{one}> says so."), text)
    )
    labels = [(_label(text, at, ids), i) for at, i in shown]
    return (message["role"], QUESTION in text, SYSTEM in text, labels)


def _label(text: str, at: int, ids: list[str]) -> str:
    """What stands before an answer: on its line, else on the line above; models are numbered."""
    line = text[text.rfind("\n", 0, at) + 1 : at].strip()
    label = line or text[:at].rstrip("\n").rpartition("\n")[2].strip()
    for i, one in enumerate(ids):
        label = label.replace(one, f"M{i}")
    return label


def plain(role: str, question: bool = False, system: bool = False, *labels: Any) -> tuple[Any, ...]:
    """One message."""
    return (role, question, system, list(labels))


def lc(*reader: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """opencode-llm-fusion: three members that see no system prompt of the user, and a reader."""
    own = [plain("system"), plain("user", True)]
    return [*(("/responses", i, {"stream": True}, own) for i in range(3)), *reader]


def of(*reader: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """openfusion: three members that are asked as the user asks."""
    own = [plain("system", False, True), plain("user", True)]
    return [*((CHAT, i, {}, own) for i in range(3)), *reader]


CHAT = "/chat/completions"
LC_IDS = ["deepseek/deepseek-v3.2", "z-ai/glm-5", "moonshotai/kimi-k2.5", "z-ai/glm-4.7-flash"]
OF_IDS = ["openai/gpt-4o-mini", "deepseek/deepseek-v4-pro", "moonshotai/kimi-k2.6"]
LL_IDS = ["openai/gpt-4.1-mini", "google/gemini-2.5-pro", "openai/gpt-4.1"]
UNSEEN = [plain("system"), plain("user", False, False,
          *((f"--- Response {i + 1} (M{i}) ---", i) for i in range(3)))]  # fmt: skip
JUDGED = [plain("system"), plain("user", True, False, *((f"### panel-{i}", i) for i in range(3)))]


def revised(i: int) -> tuple[Any, ...]:
    """One revision of a debate."""
    peers = [j for j in range(3) if j != i]
    labels = [
        ("Your previous answer:", i),
        *((f"### Expert {k + 1}", j) for k, j in enumerate(peers)),
    ]
    return (CHAT, i, {}, [plain("user", True, False, *labels)])


def specialist(i: int, phase: str, role: str, *labels: Any) -> tuple[Any, ...]:
    """One call of OpenFusion."""
    sent = {"temperature": 0.2, "metadata": {"phase": phase, "role": role}}
    return (CHAT, i, sent, [plain("system"), plain("user", True, True, *labels)])


PANEL = [("### fast (M0)", 0), ("### verifier (M1)", 1)]
GOLDEN: dict[str, tuple[str, str, list[str], list[tuple[Any, ...]]]] = {
    "lc-single_judge": (LC, "single-judge", LC_IDS, lc(("/responses", 3, {}, UNSEEN))),
    "lc-majority_vote": (LC, "majority-vote", LC_IDS, lc(("/responses", 3, {}, UNSEEN))),
    "lc-best_of_n": (LC, "best-of-n", LC_IDS, lc(("/responses", 3, {}, UNSEEN))),
    "of-panel-judge": (OF, "panel-no-tools", OF_IDS, of((CHAT, 1, {"stream": True}, JUDGED))),
    "of-panel-ranked": (OF, "ranked-no-tools", OF_IDS, of(
        (CHAT, 1, {"max_tokens": 8},
         [plain("system"), plain("user", True, False, *((f"[{i + 1}]", i) for i in range(3)))]))),
    "of-panel-vote": (OF, "vote-no-tools", OF_IDS, of()),
    "of-debate-judge": (OF, "debate-no-tools", OF_IDS, of(
        *(revised(i) for i in range(3)), (CHAT, 1, {"stream": True}, JUDGED))),
    "ll-fusion": (LL, "fusion", LL_IDS, [
        specialist(0, "panel", "fast"), specialist(1, "panel", "verifier"),
        specialist(1, "judge", "verifier", *PANEL),
        specialist(2, "synthesis", "writer", *PANEL, ("## Judge notes", 1))]),
}  # fmt: skip
"""Of each recorded sequence: the preset and recipe that replicate it, its models, and its calls."""


def staged(calls: list[tuple[Any, ...]], size: int) -> list[tuple[Any, ...]]:
    """Calls in their order; those of the first stage, which run at once, by model."""
    return sorted(calls[:size], key=repr) + calls[size:]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_preset_sends_what_the_system_sends(httpserver: HTTPServer, tmp_path: Path, name: str):
    """A system would be blamed, or praised, for what it does not do."""
    preset, recipe, ids, calls = GOLDEN[name]
    reader = "[5, 9, 7]" if name == "lc-best_of_n" else "2"
    if name == "ll-fusion":
        reader = f"<{LL_IDS[1]}> says so."
    upstream, trial = asked_of(httpserver, tmp_path, preset, recipe, reader=reader)

    assert trial.failure is None
    first = 2 if name == "ll-fusion" else 3
    made = seen(upstream.asked, ids)
    if name == "of-debate-judge":  # the second stage runs at once too
        made = made[:3] + staged(made[3:], 3)
    assert staged(made, first) == staged(calls, first)


FAILING = [
    # preset, recipe, what fails, calls, failure or what is in the answer, and what is recorded
    (LC, "single-judge", "reader", 4, "bad_request", ""),
    (LC, "majority-vote", "reader", 4, "bad_request", ""),
    (LC, "best-of-n", "reader", 4, "bad_request", ""),
    (LC, "single-judge", f"{LC_IDS[0]} {LC_IDS[1]}", 3, LC_IDS[2], "one answer of several"),
    (LC, "majority-vote", f"{LC_IDS[0]} {LC_IDS[1]}", 3, LC_IDS[2], "member 1"),
    (LC, "best-of-n", f"{LC_IDS[0]} {LC_IDS[1]}", 3, LC_IDS[2], "member 1"),
    (LC, "single-judge-forgiving", "reader", 4, LC_IDS[0], "synthesizer"),
    (OF, "panel-no-tools", "reader", 4, "bad_request", ""),
    (OF, "ranked-no-tools", "reader", 4, "bad_request", ""),
    (OF, "debate-no-tools", "reader", 7, "bad_request", ""),
    (OF, "ranked-no-tools", f"{OF_IDS[0]} {OF_IDS[1]}", 3, OF_IDS[2], "member 1"),
    (OF, "panel-no-tools", f"{OF_IDS[0]} {OF_IDS[2]}", 4, "2", "member 3"),
    (OF, "panel-forgiving", "reader", 4, OF_IDS[0], "synthesizer"),
    (LL, "fusion", LL_IDS[0], 2, "bad_request", "member 1"),
    (LL, "fusion", "reader", 3, "bad_request", ""),
    (FH, "panel", "reader", 5, "google/gemini-3-flash-preview", "synthesizer"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "recipe", "fails", "calls", "outcome", "step"),
    FAILING,
    ids=[f"{p.removeprefix('as-shipped-')}-{r}-{i}" for i, (p, r, *_) in enumerate(FAILING)],
)
def test_a_failure_does_what_it_does_in_the_system(
    httpserver: HTTPServer, tmp_path: Path, preset: str, recipe: str, fails: str, calls: int,
    outcome: str, step: str,
):  # fmt: skip
    """A replica that mends what the system breaks flatters its availability."""
    upstream, trial = asked_of(httpserver, tmp_path, preset, recipe, fails=fails)
    assert outcome in (trial.failure or trial.answer or "")
    assert (trial.answer is None) == (outcome == "bad_request")
    assert step in "; ".join(trial.degraded)
    assert len(upstream.asked) == calls


def test_two_members_of_opencode_llm_fusion_show_an_error_as_an_answer(
    httpserver: HTTPServer, tmp_path: Path
):
    """Its judge writes from an error text where a panel of three would leave the seat empty."""
    terms = Terms(shows_errors=2)
    seats = [EmptySeat("timeout"), Reply(text="Paris")]
    assert [seat.text for seat in admitted(seats, terms)] == ["[failed: timeout]", "Paris"]
    assert admitted([*seats, Reply(text="Lyon")], terms)[0] == EmptySeat("timeout")


def test_a_member_that_is_too_late_fails_the_request_of_opencode_llm_fusion():
    """Its panel races a clock of 90 s; one slow member and nobody gets an answer."""
    seats = [Reply(text="Paris", latency_s=91.0), Reply(text="Lyon", latency_s=2.0)]
    with pytest.raises(NoAnswerError) as problem:
        admitted(seats, Terms(deadline_s=90.0))
    assert problem.value.failure == "timeout"
    assert admitted(seats, Terms(deadline_s=92.0)) == seats


@pytest.mark.parametrize(
    ("recipe", "calls"),
    [("panel", 5), ("panel-refine", 6), ("panel-two-layers", 8), ("panel-two-samples", 8)],
)
def test_fusionharness_makes_the_calls_that_its_readme_counts(
    httpserver: HTTPServer, tmp_path: Path, recipe: str, calls: int
):
    """`refine` is one pass; as two calls it was too dear and too good."""
    judge = json.dumps({name: [] for name in FOUR})
    upstream, trial = asked_of(httpserver, tmp_path, FH, recipe, reader=judge)
    assert (len(upstream.asked), trial.degraded) == (calls, ())
    schemas = [body["response_format"] for _, body in upstream.asked if "response_format" in body]
    (form,) = (s["json_schema"]["schema"] for s in schemas)
    assert set(form["properties"]) == set(FOUR)
    assert {body["temperature"] for _, body in upstream.asked} == {0.4, 0.7, 1.0}
    assert not any({"max_tokens", "seed"} & body.keys() for _, body in upstream.asked)


FOUR = ("consensus", "contradictions", "partial_coverage", "unique_insights")

FUSES = {
    "mini": {"tides", "blue-sky", "compound-interest"},
    "adversarial": "all", "research": "all",
}  # fmt: skip
"""By hand: each prompt of the second and third file has one of the words or 280 characters."""


@pytest.mark.parametrize("name", FUSES)
def test_openfusions_router_fuses_what_its_rule_says(name: str):
    """Six of its words were missing, so another router was measured under its name."""
    tasks = load_tasks(str(TASKS / f"{name}.yaml")).tasks
    fused = {task.id for task in tasks if by_signs(task.question.prompt, 1, 280) == 0}
    assert fused == ({task.id for task in tasks} if FUSES[name] == "all" else FUSES[name])


@pytest.mark.parametrize(
    ("prompt", "fuses"),
    [
        ("```x```", True), ("x" * 280, True), ("x" * 279, False), ("Whyever", True),
        *((f"please {word.upper()} it", True) for word in (
            "compare", "trade-off", "tradeoff", "analyze", "analyse", "evaluate", "design",
            "research", "pros and cons", "why", "explain", "critique", "recommend")),
        ("prove and derive it step by step", False),
    ],
)  # fmt: skip
def test_openfusions_router_has_its_fence_its_words_and_its_length(prompt: str, fuses: bool):
    """Counted against openfusion's configuration: thirteen words, no others."""
    assert (by_signs(prompt, 1, 280) == 0) is fuses


ROLES = {
    "tides": (["reasoner", "writer", "fast", "verifier"], "smart-single"),
    "blue-sky": (["reasoner", "fast", "verifier"], "smart-single"),
    "compound-interest": (["reasoner", "fast", "verifier"], "smart-single"),
    "ticket-books": (["fast", "verifier"], "fast-single"),
    "heaviest-parcel": (["fast", "verifier"], "fast-single"),
    "before-the-day-after": (["fast", "verifier"], "fast-single"),
}
"""What OpenFusion's own program says of the six mini prompts."""


def test_openfusion_calls_the_roles_that_each_mini_prompt_asks_for():
    """A fixed panel of three was nobody's panel."""
    tasks = load_tasks(str(TASKS / "mini.yaml")).tasks
    prompts = {task.id: flattened(task.question).prompt for task in tasks}
    assert {i: (panel_of(prompt), way_of(prompt)) for i, prompt in prompts.items()} == ROLES


@pytest.mark.parametrize(
    ("prompt", "way"),
    [
        ("hello", "fast-single"),
        ("Summarize this email", "smart-single"),
        ("verify this: 2+2=4", "single-verify"),
        ("Review this patch for security problems and test it", "single-verify"),
        ("Compare two architectures for a payment migration in production, why and what risk?",
         "fusion-panel"),
    ],
)  # fmt: skip
def test_openfusions_auto_mode_goes_by_complexity_and_risk(prompt: str, way: str):
    """Half of the prompts were sent another way; these are what its own program decides."""
    assert way_of(f"### user\n{prompt}") == way


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded sequences are not on this machine")
@pytest.mark.parametrize("name", GOLDEN)
def test_what_is_expected_is_what_was_recorded(name: str):
    """A golden file of our own making proves only that we agree with ourselves."""
    _, _, _, calls = GOLDEN[name]
    recorded = json.loads(RECORDED.read_text())[name]
    ids = list(dict.fromkeys(call["model"] for call in recorded))
    if name.startswith("of-"):
        ids = ["openai/gpt-4o-mini", "deepseek/deepseek-v4-pro", "moonshotai/kimi-k2.6"]
    theirs = [
        (
            call["endpoint"].removeprefix("/v1"),
            ids.index(call["model"]),
            {k: v for k, v in call["parameters"].items() if (k, v) != ("stream", False)},
            [
                (
                    m["role"],
                    m["shows_question"],
                    m["shows_system_prompt_of_the_user"],
                    [(_numbered(a["label"], ids), ids.index(a["answer_of"]))
                     for a in m["answers_in_order"]],
                )
                for m in call["messages"]
            ],
        )
        for call in recorded
    ]  # fmt: skip
    first = 2 if name == "ll-fusion" else 3
    assert staged(theirs, first) == staged(calls, first)


def _numbered(label: str, ids: list[str]) -> str:
    for i, one in enumerate(ids):
        label = label.replace(f"litellm/{one}", f"M{i}").replace(one, f"M{i}")
    return label
