"""docs/strategies.md: its example runs as it stands, and its table names what there is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from engine_kit import rows

import fusion_eval as fe
from fusion_eval.api import plan as planned
from fusion_eval.bench.configure import configure
from fusion_eval.bench.parameters import parameters, strategy
from fusion_eval.errors import BenchFileError
from fusion_eval.loading.bench import presets
from fusion_eval.strategies import STRATEGIES
from fusion_eval.strategies.schema import is_control

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "strategies.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder of a user, outside of the package, with the two files of the document."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    yield tmp_path
    sys.modules.pop("my_strategies", None)


def test_a_users_strategy_in_one_file_outside_the_package_runs(folder: Path):
    """Whoever has to fork the package to try an idea will not try it."""
    assert set(FILES) == {"my_strategies.py", "my-bench.yaml"}
    tasks = ROOT / "tasks" / "reasoning.yaml"
    plan = planned(tasks, "my-bench.yaml", limit=4, output_dir=folder / "results")
    run = fe.run(tasks, "my-bench.yaml", limit=4, output_dir=folder / "results")
    calls = [c for c in rows(run, "calls") if c["recipe"] == "second"]
    assert run.manifest["status"] == "finished"
    assert {c["role"] for c in calls} == {"member", "synthesizer"}
    assert plan.calls.low <= run.manifest["calls"]["made"] <= plan.calls.high
    solo = {c["key"] for c in rows(run, "calls") if c["recipe"] == "solo"}
    assert solo <= {c["key"] for c in calls}  # it shares its first draft with the solo


def test_a_wrong_value_for_a_users_parameter_has_file_and_line(folder: Path):
    """Its signature is its schema, as for ours."""
    bench = folder / "my-bench.yaml"
    bench.write_text(bench.read_text().replace("words: 60", "words: 0"))
    with pytest.raises(BenchFileError, match=r"my-bench.yaml:7: words: Input should be greater"):
        fe.run(ROOT / "tasks" / "reasoning.yaml", bench, output_dir=folder / "results")


def test_the_document_names_every_strategy_and_preset():
    """What is not there will not be found, and what is there and gone wastes an hour."""
    for name in STRATEGIES:
        assert f"`{name}`" in TEXT, name
    first = re.findall(r"^\| `(\w+)` \| ", TEXT, re.MULTILINE)
    assert set(first) - {"demo"} <= set(STRATEGIES)
    for name in presets():
        assert f"`{name}`" in TEXT or "/" in name, name  # studies have a page of their own


def test_the_example_of_seats_can_be_read(tmp_path: Path):
    """A form that the document invents is refused with an error that the reader did not earn."""
    (example,) = re.findall(r"```yaml\n(recipes:\n.*?)```", TEXT, re.DOTALL)
    ids = {"flash": "aviary/sparrow", "kimi": "wader/heron", "opus": "raptor/condor"}
    models = "".join(
        f"  {name}: {{endpoint: sim, id: {id_}, temperature: 0.7}}\n" for name, id_ in ids.items()
    )
    file = tmp_path / "bench.yaml"
    file.write_text(f"endpoints: {{sim: {{simulator: default}}}}\nmodels:\n{models}{example}")
    assert set(configure(file).recipes) == {"experts", "nested", "spread"}


def test_the_table_of_seats_is_that_of_the_signatures():
    """Controls go by what is declared; a table that drifted would explain other controls."""
    declared = {}
    for name in STRATEGIES:
        for key, parameter in parameters(strategy(name)).items():
            if parameter.seats != "none":
                assert parameter.seat, f"{name}: {key} is not declared"
                declared.setdefault(parameter.seat.duty, set()).add(key)
    rows = re.findall(r"^\| \*(\w+)\* \| [^|]+ \| (`[^|]+`) \|$", TEXT, re.MULTILINE)
    table = {duty: set(re.findall(r"`(\w+)`", names)) for duty, names in rows}
    assert table == declared


def test_the_placebos_of_the_document_are_those_that_are_marked():
    """A placebo that is not known as one is measured as if it claimed something."""
    (listed,) = re.findall(r"The placebos \(([^)]+)\)", TEXT)
    marked = {name for name in STRATEGIES if is_control(strategy(name))} - {"solo"}
    assert set(re.findall(r"`(\w+)`", listed)) == marked
