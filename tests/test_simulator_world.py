"""World files: read strictly, all problems at once."""

from __future__ import annotations

import re

import pytest

from fusion_eval.errors import BenchFileError
from fusion_eval.simulator import load_world, worlds
from fusion_eval.simulator.worldfile import parse_world


def _default_text() -> str:
    from importlib import resources

    return (resources.files("fusion_eval.simulator") / "worlds" / "default.yaml").read_text("utf-8")


def test_every_packaged_world_loads_with_prices_for_all_models():
    """A broken world file would stop every run that needs no key."""
    for name in worlds():
        world = load_world(name)
        assert set(world.prices) == set(world.models)
        assert all(price.source == "simulator" for price in world.prices.values())
        assert re.fullmatch("[0-9a-f]{16}", world.digest)


def test_an_unknown_world_is_answered_with_the_nearest_name():
    """Whoever mistypes `default` would otherwise have to read the source."""
    with pytest.raises(BenchFileError, match="did you mean 'default'"):
        load_world("defualt")


def test_all_problems_of_a_file_are_told_at_once_with_their_lines(tmp_path):
    """One problem per run means one run per problem."""
    text = (
        _default_text().replace("slip: 0.02", "slip: 1.2").replace("steady: 0.5  ", "stady: 0.5  ")
    )
    text = text.replace("name: default", "name: default\nsleep: yes\nseed: 2")
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BenchFileError) as caught:
        load_world(str(path))

    problems = "\n".join(caught.value.problems)
    lines = text.splitlines()
    for words, needle in (("sleep", "sleep:"), ("checkable.slip", "slip: 1.2"), ("stady", "stady")):
        line = next(i for i, row in enumerate(lines, 1) if needle in row)
        assert re.search(rf"mine.yaml:{line}: .*{words}", problems), problems
    assert "key 'seed' stands twice" in problems


def test_a_file_that_is_missing_or_no_yaml_is_an_error_and_no_traceback(tmp_path):
    """A person gets the name of the file, not a stack."""
    with pytest.raises(BenchFileError, match="cannot be read"):
        load_world(str(tmp_path / "none.yaml"))
    for text in ("a: [1", "- 1", "", "{}", "a: *b"):
        with pytest.raises(BenchFileError, match=r"^w\.yaml"):
            parse_world(text, "w.yaml")


def test_the_digest_changes_with_any_number():
    """Runs in different worlds must not be taken for one."""
    text = _default_text()
    changed = parse_world(text.replace("slip: 0.02", "slip: 0.03"), "w.yaml")
    assert changed.digest != load_world("default").digest
    assert parse_world(text, "w.yaml").digest == load_world("default").digest
