"""A key that comes back is in no file, log or message, however it is written; a placeholder is."""

from __future__ import annotations

import base64
import html
import json
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_kit import bench_file, call, completion, sent
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import fusion_eval as fe
from fusion_eval.core import clean
from fusion_eval.engine.masking import MASK, masker
from fusion_eval.errors import FusionEvalError

KEY = "sk-SECRET/abc+123_DEF=45678.tail"

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "slashes": lambda key: key.replace("/", "\\/"),
    "json escapes": lambda key: "".join(f"\\u{ord(c):04x}" for c in key),
    "capital json escapes": lambda key: "".join(f"\\u{ord(c):04X}" for c in key),
    "json in json": lambda key: "".join(f"\\\\u{ord(c):04x}" for c in key),
    "html decimal": lambda key: "".join(f"&#{ord(c)};" for c in key),
    "html hex": lambda key: "".join(f"&#x{ord(c):X};" for c in key),
    "html names": lambda key: html.escape(key).replace("/", "&sol;").replace("+", "&plus;"),
    "url": lambda key: urllib.parse.quote(key, safe=""),
    "url, every sign": lambda key: "".join(f"%{ord(c):02X}" for c in key),
    "url twice": lambda key: urllib.parse.quote(urllib.parse.quote(key, safe="")),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of the header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 for urls": lambda key: base64.urlsafe_b64encode(f"x{key}".encode()).decode(),
    "base32": lambda key: base64.b32encode(key.encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "c escapes": lambda key: "".join(f"\\x{ord(c):02x}" for c in key),
    "octal": lambda key: "".join(f"\\{ord(c):03o}" for c in key),
    "quoted printable": lambda key: "".join(f"={ord(c):02X}" for c in key),
    "utf-16 read as utf-8": lambda key: key.encode("utf-16-le").decode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_key_is_taken_out_of_a_text_in_every_encoding(name: str):
    """Whoever shares a results folder would share the key."""
    text = clean(f"your key is {ENCODINGS[name](KEY)} and that is all")

    masked = masker([KEY])(text)

    assert masked.startswith("your key is ")
    assert masked.endswith(" and that is all")
    assert len(masked) < len("your key is  and that is all") + 24
    assert MASK in masked


@pytest.mark.parametrize("key", ["ollama", "none", "test", "token", "sk-123"])
def test_a_placeholder_changes_no_text(key: str):
    """`OLLAMA_API_KEY=ollama` turned `ollama pull` into `*** pull`, and a key `token` the usage."""
    text = f'run {key} pull, {{"usage": {{"completion_{key}s": 5}}}}'

    assert masker([key])(text) == text


@given(st.text(), st.text(max_size=30))
def test_a_text_without_the_key_stays_as_it_is(text: str, more: str):
    """A mask that takes out too much changes answers."""
    assert masker([KEY])(text + more) == text + more


@pytest.mark.parametrize("piece", ["\\", "&amp;", "sk-", "%25", "s\ufffd", "\\u0073", "="])
def test_no_text_takes_long_to_mask(piece: str):
    """A model that degenerates into one sign would stop every other call."""
    alarm = threading.Event()
    text = (piece * 200_000)[:200_000]
    work = threading.Thread(target=lambda: (masker([KEY])(text), alarm.set()), daemon=True)
    work.start()

    assert alarm.wait(20)


def _echo(place: str, spelled: str) -> Callable[[Request], Response]:
    """An endpoint that gives the key back, spelled somehow, in one place."""

    def answer(request: Request) -> Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        if place == "error":
            body = '{"error": {"message": "bad key @"}}'.replace("@", spelled)
            return Response(body, status=400, content_type="application/json")
        told = json.dumps(completion("your key: @", id="@", provider="@")).replace("@", spelled)
        headers = {"x-request-model": spelled} if place == "header" else {}
        return Response(told, content_type="application/json", headers=headers)

    return answer


IN_JSON = [n for n in ENCODINGS if n not in ("utf-16 read as utf-8", "c escapes", "octal")]


@pytest.mark.parametrize("place", ["body", "error", "header"])
def test_a_run_keeps_no_key_that_an_endpoint_echoes(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], place: str,
):  # fmt: skip
    """Ledger, tables, answers, manifest and messages are passed on, and keys with them."""
    monkeypatch.setenv("ECHO_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    tasks = tmp_path / "t.yaml"
    tasks.write_text("name: t\ntasks:\n  - {id: q, check: exact, target: a, prompt: Say a.}\n")
    for number, name in enumerate(IN_JSON):
        prefix = f"/e{number}/v1"
        httpserver.expect_request(f"{prefix}/chat/completions").respond_with_handler(
            _echo(place, ENCODINGS[name](KEY))
        )
        endpoint = {"base_url": httpserver.url_for(prefix), "api_key_env": "ECHO_KEY"}
        bench = bench_file(
            tmp_path / f"b{number}", endpoint, limits={"budget_usd": 1.0}, grader=None, repeats=1,
            price={"input": 1.0, "output": 1.0}, recipes={"solo": _SOLO},
        )  # fmt: skip
        fe.run(tasks, bench, output_dir=tmp_path / f"r{number}")
    out = capsys.readouterr()

    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    shown = out.out + out.err
    assert kept.count(MASK.encode()) > (0 if place == "error" else len(IN_JSON))
    for name, spell in ENCODINGS.items():
        assert spell(KEY).encode() not in kept, name
        assert spell(KEY) not in shown, name


_SOLO: dict[str, Any] = {"strategy": "solo", "member": "heron"}


def test_a_key_in_utf_16_is_masked_after_decoding(httpserver: HTTPServer, monkeypatch: Any):
    """Bytes that hold no key become a text that does."""
    monkeypatch.setenv("ECHO_KEY", KEY)
    body = json.dumps(completion(f"your key: {KEY}")).encode("utf-16")
    httpserver.expect_request("/v1/chat/completions").respond_with_data(body)

    (reply,) = sent(call(httpserver.url_for("/v1"), api_key_env="ECHO_KEY"))

    assert reply.text == f"your key: {MASK}"
    assert KEY not in (reply.raw or "")


@pytest.mark.parametrize(
    ("url", "way"),
    [
        (f"http://127.0.0.1/v1?api_key={KEY}", "query: {api_key: …}"),
        (f"http://127.0.0.1/v1?{KEY}", "query"),
        (f"http://127.0.0.1/v1#{KEY}", "query"),
        ("http://127.0.0.1/v1/sk-SECRETabc123DEF45678", "api_key_env"),
        (f"http://user:{KEY.replace('/', '')}@127.0.0.1/v1", "environment"),
    ],
)
def test_a_key_in_a_url_is_refused_with_the_way_out_and_without_the_key(
    tmp_path: Path, url: str, way: str
):
    """URLs are written into ledgers, manifests and errors."""
    bench = bench_file(tmp_path, {"base_url": url})

    (report,) = fe.validate(str(bench))

    told = "\n".join(report["problems"])
    assert way in told
    assert "SECRET" not in told


def test_headers_and_query_take_their_values_from_the_environment_and_hide_them(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
):
    """Azure, gateways and proxies ask for keys where the bench file has no other place for them."""
    monkeypatch.setenv("SIDE_KEY", KEY)
    monkeypatch.setenv("NAMED", "us-east")
    httpserver.expect_request(
        "/v1/chat/completions",
        headers={"x-side": KEY, "x-region": "region us-east"},
        query_string={"api-version": "2024-10-21", "key": KEY},
    ).respond_with_json(completion(f"you sent {KEY} from us-east"))
    side = {"x-side": "${SIDE_KEY}", "x-region": "region ${NAMED}"}
    query = {"api-version": "2024-10-21", "key": "${SIDE_KEY}"}

    asked = call(httpserver.url_for("/v1"), headers=side, query=query)
    (reply,) = sent(asked)

    assert reply.text == f"you sent {MASK} from us-east"
    assert KEY not in asked.content
    assert "${SIDE_KEY}" in asked.content


def test_a_key_written_into_headers_and_a_missing_variable_are_named(tmp_path: Path):
    """A key in a bench file is in every copy of it."""
    url = {"base_url": "http://127.0.0.1:9/v1"}
    plain = bench_file(tmp_path / "a", {**url, "headers": {"x-api-key": "sk-0123456789abcdef"}})
    with pytest.raises(FusionEvalError, match="MISSING_ONE"):
        sent(call(headers={"x-side": "${MISSING_ONE}"}))

    (report,) = fe.validate(str(plain))

    assert "${NAME}" in report["problems"][0]
    assert "0123456789abcdef" not in report["problems"][0]
