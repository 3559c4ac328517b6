"""What all tests share: no network for `datasets`, reproducible examples, files in one line."""

from __future__ import annotations

import os
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

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
