"""The run directory: the only bridge between making calls and reading files."""

from __future__ import annotations

import pytest

from fusion_eval.errors import TableError
from fusion_eval.store import (
    COLUMNS,
    TableFile,
    point_latest,
    read_run,
    write_json,
    write_manifest,
    write_table,
)


def row(**values):
    """One row of the trials table."""
    return {"task": "t", "recipe": "r", "repeat": 0, "score": 0.5, **values}


def read(path):
    """A table as rows."""
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("name", COLUMNS)
def test_an_empty_table_still_has_its_columns_and_types(tmp_path, name):
    """A run without verdicts is read by the same code; a column of type null would break it."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(write_table(tmp_path, name, []))
    assert schema.names == list(COLUMNS[name])
    assert "null" not in {str(field.type) for field in schema}


def test_a_key_that_is_no_column_is_an_error(tmp_path):
    """A misspelt column would be empty in every run, and nobody would look."""
    with pytest.raises(ValueError, match="scor"):
        write_table(tmp_path, "trials", [row(scor=0.5)])
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    """A reader that comes in the middle must see the old one, not half of the new one."""
    import pyarrow.parquet as pq

    def full(writer, table):
        raise OSError("disk full")

    write_table(tmp_path, "trials", [row(), row(repeat=1)])
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="disk full"):
        write_table(tmp_path, "trials", [row()])
    assert len(read(tmp_path / "trials.parquet")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["trials.parquet"]


def test_a_table_that_comes_in_pieces_is_the_table_that_comes_at_once(tmp_path):
    """Rows lost or swapped where one group of rows ends would be wrong in large runs only."""
    rows = [row(repeat=i, score=i / 7 or None) for i in range(9_001)]
    file = TableFile(tmp_path, "trials")
    for start in range(0, len(rows), 700):
        file.add(rows[start : start + 700])
    assert list(tmp_path.glob("*.parquet")) == []
    pieces = read(file.close())
    assert [(r["repeat"], r["score"]) for r in pieces] == [(r["repeat"], r["score"]) for r in rows]
    assert pieces == read(write_table(tmp_path, "trials", rows))


def test_a_number_that_is_none_is_refused_in_json(tmp_path):
    """NaN is no JSON: the summary could be read by us and by nobody else."""
    path = write_json(tmp_path / "summary.json", {"score": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"score": float("nan")})
    assert "0.5" in path.read_text()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff"])
def test_what_is_no_run_directory_says_so(tmp_path, content):
    """`report results` instead of `report results/latest` is an easy mistake."""
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(TableError, match="not a run directory"):
        read_run(tmp_path)


def test_a_missing_table_is_told_with_the_status_of_the_run(tmp_path):
    """A run that is still running has none yet; one that broke needs another answer."""
    run = write_manifest(tmp_path / "run-1", {"run_id": "run-1", "status": "running"})
    with pytest.raises(TableError, match="status is 'running'"):
        run.table("trials")
    write_table(run.path, "trials", [row()])
    assert read(read_run(run.path).table("trials"))[0]["score"] == 0.5


def test_latest_points_at_the_newest_run_and_moves_with_the_folder(tmp_path):
    """An absolute link would break when results are copied to another machine."""
    for name in ("run-1", "run-2"):
        write_manifest(tmp_path / "results" / name, {"run_id": name})
        point_latest(tmp_path / "results", name)
        assert read_run(tmp_path / "results" / "latest").id == name
    (tmp_path / "results").rename(tmp_path / "moved")
    assert read_run(tmp_path / "moved" / "latest").id == "run-2"


def test_a_table_says_by_itself_which_run_it_is_and_that_it_was_simulated(tmp_path):
    """`trials.parquet` is what people copy; without the mark it is read as real results."""
    import pandas as pd

    facts = {"run_id": "r-1", "simulated": True}
    copied = write_table(tmp_path, "trials", [row()], facts).rename(tmp_path / "copy.parquet")
    assert pd.read_parquet(copied).attrs == facts
