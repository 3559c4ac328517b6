"""Tasks and benches that stand in memory: the same run as from files, and the same refusals."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from engine_kit import IDS

import fusion_eval as fe
from fusion_eval.core import TaskSet
from fusion_eval.errors import BenchFileError, TaskFileError
from fusion_eval.loading.tasks import load_tasks

BENCH = {
    "endpoints": {"sim": {"simulator": "default"}},
    "models": {name: {"endpoint": "sim", "id": i} for name, i in IDS.items()},
    "recipes": {"solo": {"strategy": "solo", "member": "heron"}},
}
ROWS = [
    {"id": "a", "prompt": "What is 6 times 7?", "check": "numeric", "target": "42"},
    {"id": "b", "prompt": "What is 5 times 7?", "check": "numeric", "target": "35"},
]
FRAME = pd.DataFrame(ROWS)


def _scores(run: fe.Run) -> dict[str, float | None]:
    scores = fe.trials(run).set_index("task")["score"]
    return scores.astype(object).where(scores.notna(), None).to_dict()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same tasks and bench in files, and the run of them."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "tasks.yaml").write_text(yaml.safe_dump({"tasks": ROWS}))
    (folder / "bench.yaml").write_text(yaml.safe_dump(BENCH))
    run = fe.run(folder / "tasks.yaml", folder / "bench.yaml", output_dir=folder / "results")
    return folder, run


def _polars() -> object:
    return pytest.importorskip("polars").DataFrame(ROWS)


def _duckdb() -> object:
    pytest.importorskip("duckdb")
    import duckdb

    return duckdb.sql("SELECT * FROM FRAME")


@pytest.mark.parametrize(
    "given",
    [
        lambda _: ROWS,
        lambda _: FRAME,
        lambda _: pa.Table.from_pylist(ROWS),
        lambda _: _polars(),
        lambda _: _duckdb(),
        lambda folder: load_tasks(folder / "tasks.yaml"),
        lambda folder: list(load_tasks(folder / "tasks.yaml").tasks),
        lambda folder: [folder / "tasks.yaml"],
    ],
    ids=["rows", "pandas", "arrow", "polars", "duckdb", "task set", "tasks", "files"],
)
def test_a_run_of_tasks_in_memory_is_the_run_of_their_file(files, given, tmp_path):
    """A notebook would have to write files in order to ask a question about its own data."""
    folder, whole = files
    run = fe.run(given(folder), BENCH, output_dir=tmp_path)

    assert _scores(run) == _scores(whole)
    assert run.manifest["tasks"]["hash"] == whole.manifest["tasks"]["hash"]


def test_a_run_in_memory_goes_on_and_is_graded_and_planned_like_any_other(tmp_path):
    """Whatever is made without files must not be lost to what comes after."""
    first = fe.run(ROWS, BENCH, output_dir=tmp_path)
    again = fe.run(TaskSet(name="other", tasks=load_rows().tasks), BENCH, output_dir=tmp_path)

    assert again.manifest["calls"]["made"] == 0
    assert fe.plan(ROWS, BENCH, output_dir=tmp_path).calls.expected == 2
    regraded = fe.grade(first.path, tasks=ROWS, bench={**BENCH, "grader": {"model": "referee"}},
                        output_dir=tmp_path)  # fmt: skip
    assert _scores(regraded) == _scores(first)


def load_rows() -> TaskSet:
    from fusion_eval.loading.tasks import load_task_files

    return load_task_files([ROWS])


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([{"id": "a", "prompt": "", "target": "1"}], ["tasks:item 1: prompt"]),
        ([ROWS[0], ROWS[0]], ["item 1", "item 2", "'a'"]),
        ([{**ROWS[0], "taget": "1"}], ["tasks:item 1", "taget", "target"]),
        (FRAME.rename(columns={"target": "answr"}), ["tasks:row 1"]),
        (7, ["a int holds no tasks"]),
        ([7], ["a int is no task"]),
        ([], ["no task"]),
    ],
)
def test_a_mistake_in_memory_is_named_by_its_row(tasks, words):
    """A line of a file that is not there leads nowhere."""
    with pytest.raises(TaskFileError) as refused:
        fe.plan(tasks, BENCH)
    for word in words:
        assert word in str(refused.value)


def test_a_mistake_in_a_bench_in_memory_is_named_by_its_keys():
    """A file and a line would be invented."""
    wrong = {**BENCH, "recipes": {"solo": {"strategy": "solo", "member": "hero"}}}
    with pytest.raises(BenchFileError, match=r"bench: recipes\.solo.*'hero'.*heron"):
        fe.plan(ROWS, wrong)
    with pytest.raises(BenchFileError, match=r"bench: repeats"):
        fe.plan(ROWS, {**BENCH, "repeats": "many"})


SCORES = pd.DataFrame(
    {
        "task": [f"t{i}" for i in range(12)] * 2,
        "recipe": ["one"] * 12 + ["two"] * 12,
        "score": [0.05 * i for i in range(12)] + [0.04 * i + 0.2 for i in range(12)],
    }
)


@pytest.mark.parametrize("library", ["arrow", "polars", "duckdb"])
def test_a_comparison_is_the_same_whatever_library_holds_the_scores(library):
    """Analysts hold their scores in a library of their own choice; each met another traceback."""
    if library == "arrow":
        given = pa.Table.from_pandas(SCORES)
    elif library == "polars":
        given = pytest.importorskip("polars").from_dict(SCORES.to_dict("list"))
    else:
        given = pytest.importorskip("duckdb").sql("SELECT * FROM SCORES ORDER BY recipe, task")
    wanted = fe.compare(SCORES, "one", margin=3)

    pd.testing.assert_frame_equal(fe.compare(given, "one", margin=3), wanted)
    pd.testing.assert_frame_equal(fe.pareto(given), fe.pareto(SCORES))
