"""What all tests share: no network for `datasets`, reproducible examples, files in one line."""

from __future__ import annotations

import os
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import postgres_kit
import pytest
from engine_kit import no_pauses
from hypothesis import settings

pytest_plugins = ["pytester"]  # for the fixture that users get
os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub
settings.register_profile("fusion_eval", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("fusion_eval")

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Retries without their pauses, as many as are asked for."""
    with no_pauses():
        yield


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without their figures, half of their time, where pages are not the subject."""
    monkeypatch.setattr("fusion_eval.report._figure", lambda *_: {})
    monkeypatch.setattr("fusion_eval.report.html.figures", lambda *_: defaultdict(lambda: None))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, text)`: a file in the test's own folder, dedented; its path."""

    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
        path.write_bytes(data)
        return path

    return _write


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server; skips where there is none."""
    with postgres_kit.server() as url:
        yield url


@pytest.fixture
def database(postgres: str) -> str:
    """The URL of an empty database."""
    return postgres_kit.new_database(postgres)


@pytest.fixture(autouse=os.environ.get("FUSION_EVAL_TEST_LEDGER") == "postgres")
def ledger_in_a_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`FUSION_EVAL_TEST_LEDGER=postgres`: every run of a test keeps its calls in a database."""
    monkeypatch.setenv("FUSION_EVAL_LEDGER", request.getfixturevalue("database"))
