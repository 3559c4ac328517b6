"""`fusion-eval view` and `ls` over HTTP and on the command line: what they show and refuse."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys

import forked
import pytest
from made_hostile import HOSTILE
from made_runs import FOUR_PARTS, made_run, trial, write_run
from made_views import viewed

from fusion_eval import report
from fusion_eval.gate.freezing import freeze
from fusion_eval.store import write_lines, write_manifest
from fusion_eval.viewing.listing import lines
from fusion_eval.viewing.runs import listed, run_of, status_of

TELLING = {
    "tasks": {"sources": ["tasks/law.yaml"]},
    "bench": {"name": "demo"},
    "trials": {"wanted": 90, "done": 80, "failed": 0},
    "paid_usd": 1.5,
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two runs that differ by their seed and bench, a damaged one, an import, and a baseline."""
    folder = tmp_path_factory.mktemp("view") / "results"
    for name, seed, started in (("one", 1, "2026-01-02"), ("two", 2, "2026-01-03")):
        run = made_run(folder / name, FOUR_PARTS, n=20, seed=seed, simulated=True, **TELLING)
        more = {"recipes": list(FOUR_PARTS), "started": f"{started}T10:00"}
        run = write_manifest(run.path, {**run.manifest, **more})
        bench = f"recipes: {{panel: {{judge: model-{seed}}}, solo-a: {{member: same}}}}\n"
        (run.path / "bench.yaml").write_text(bench, "utf-8")
    report.write(run)
    rows = [trial(f"other-{k}", "answer", 0.5) for k in range(10)]
    write_run(folder / "imported", rows, imported="2026-01-01T09:00", recipes=["answer"])
    (folder / "broken").mkdir()
    (folder / "broken" / "manifest.json").write_text('{"run_id": "bro', "utf-8")
    (folder / "latest").symlink_to("two", target_is_directory=True)
    freeze(run, folder / "frozen")
    return folder


@pytest.fixture(scope="module")
def view(results):
    with viewed(results) as found:
        yield found


def test_the_list_names_every_run_once_newest_first_with_what_is_unknown(results):
    """A run that cannot be read and is left out looks as if it had never been made."""
    rows = listed(results)
    assert [row.id for row in rows] == ["two", "one", "imported", "broken"]
    two, _, imported, broken = rows
    assert (two.tasks, two.bench, two.dollars) == ("law.yaml", "demo", 1.5)
    assert (two.trials_done, two.trials_wanted, two.simulated) == (80, 90, True)
    assert two.recipes == tuple(FOUR_PARTS)
    assert imported.dollars is None
    assert broken.status == "damaged"
    assert "manifest.json" in (broken.problem or "")


@pytest.mark.parametrize("width", [80, 60, None])
def test_no_number_is_cut_in_the_terminal(results, width):
    """A dollar figure without its last digits is another figure."""
    printed = list(lines(listed(results), width))
    if width:
        assert max(map(len, printed)) <= width
    text = " ".join("\n".join(printed).split())
    for whole in ("2026-01-03 10:00", "80 of 90", "$1.50", "unknown", "law.yaml", "SIMULATED"):
        assert whole in text
    assert "broken cannot be read" in text


def test_ls_tells_programs_the_same(results):
    """A script that has to parse a table breaks with the next column."""
    done = forked.run("ls", results, "--json")
    runs = {row["id"]: row for row in json.loads(done.stdout)["runs"]}
    assert runs["two"]["dollars"] == 1.5
    assert runs["imported"]["dollars"] is None
    assert runs["broken"]["problem"]
    missing = forked.run("ls", results / "no")
    assert missing.returncode == 2
    assert "no such directory" in missing.stderr


def test_view_starts_and_lists_without_loading_data_frames(results):
    """Who wants to see whether a run goes on would wait for pandas, scipy and matplotlib."""
    code = (
        "import sys; from pathlib import Path; from starlette.testclient import TestClient\n"
        "from fusion_eval.viewing.app import build\n"
        f"client = TestClient(build(Path({str(results)!r})), base_url='http://localhost')\n"
        "for path in ('/', '/runs/two/', '/live/two', '/runs/two/report.html', '/label/two'):\n"
        "    assert client.get(path).status_code == 200, path\n"
        "print(sorted({'pandas', 'numpy', 'scipy', 'matplotlib', 'pyarrow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_page_lists_the_runs_and_filters_them(view):
    """A list of a hundred runs without a filter is searched with the eyes."""
    whole, part = view.ask("/")[2], view.ask("/?q=imported")[2]
    for text in ("two", "SIMULATED", "80 of 90", "$1.50", "cannot be read"):
        assert text in whole
    assert "/runs/imported/" in part
    assert "/runs/two/" not in part
    assert "1 of 4 runs" in part


def test_a_run_is_served_with_its_report_and_the_script_of_that_report(view):
    """A report whose script is refused cannot be sorted, and nobody knows why."""
    status, headers, text = view.ask("/runs/two/report.html")
    assert status == 200
    assert "script-src 'sha256-" in headers["content-security-policy"]
    assert "sandbox" not in headers["content-security-policy"]
    assert "SIMULATED" in text
    assert view.ask("/runs/two/items/0001-task-0.html")[0] == 200
    assert view.ask("/runs/two/pareto.png")[1]["content-type"] == "image/png"
    assert view.ask("/runs/two/summary.json")[1]["content-type"] == "application/json"


def test_a_page_that_somebody_put_into_a_run_gets_an_origin_of_its_own(view, results):
    """Run directories are passed on; a page in one could label with the token of ours."""
    (results / "one" / "report.html").write_text("<script>alert(1)</script>", "utf-8")
    policy = view.ask("/runs/one/report.html")[1]["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "path",
    [
        "/runs/two/../one/manifest.json",
        "/runs/two/..%2fone/manifest.json",
        "/runs/two/%2e%2e/one/manifest.json",
        "/runs/..",
        "/runs/%2e%2e/",
        "/runs/two/.lock",
        "/runs/two//etc/passwd",
        "/runs/two/%2fetc/passwd",
        "/runs/two/out.txt",
        "/runs/two/items/",
        "/runs/two/items%5c..%5cmanifest.json",
        "/runs/two/a%00b",
        "/runs/broken/manifest.json",
        "/runs/latest/manifest.json",
        "/live/..",
        "/nothing",
    ],
)
def test_nothing_beside_the_files_of_a_run_is_served(view, results, path):
    """The server runs as somebody who can read their keys."""
    (results / "two" / ".lock").touch()
    link = results / "two" / "out.txt"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")
    status, _, text = view.ask(path)
    assert status in (307, 404), text
    assert "run_id" not in text


def test_two_runs_are_compared_with_intervals_changes_and_tasks(view):
    """Two reports in two tabs are compared by eye, unpaired."""
    status, _, text = view.ask("/compare?a=one&b=two")
    assert status == 200
    for said in (
        "SIMULATED",
        "panel @ one",
        "panel @ two",
        "recipes.panel.judge",
        "model-1",
        "model-2",
        "hold for all rows at once",
        "/runs/two/items/0001-task-0.html",
    ):
        assert said in text
    assert "recipes.solo-a.member" not in text
    values = [
        float(part.split('"')[0]) for part in text.split('id="tasks"')[1].split('<data value="')[1:]
    ]
    assert len(values) == 20
    assert values == sorted(values)
    other = view.ask("/compare?a=one&b=two&pair=2")[2]
    assert other.split('id="tasks"')[1] != text.split('id="tasks"')[1]


def test_a_run_is_compared_with_a_baseline_and_with_itself(view):
    """The gate said worse, and the question is where."""
    frozen = view.ask("/compare?a=one&b=baseline:frozen")
    assert frozen[0] == 200
    assert "panel @ two" in frozen[2]
    alone = view.ask("/compare?a=one")
    assert alone[0] == 200
    assert alone[2].count("tasks below") == 1


@pytest.mark.parametrize("query", ["a=nope", "a=../two", "a=baseline:..", "a=one&b=/etc"])
def test_a_comparison_with_what_is_not_there_says_so(view, query):
    """A traceback in a browser says nothing about the mistake in the address."""
    status, _, text = view.ask(f"/compare?{query}")
    assert status == 400
    assert "there is no" in text
    assert "Traceback" not in text


def test_runs_without_a_common_task_say_so(view):
    """An empty table would look like no difference."""
    text = view.ask("/compare?a=two&b=imported")[2]
    assert "no task in common" in text or "share no" in text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "10.0.0.1:80"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
def test_other_names_and_origins_are_refused(view, headers):
    """A web page that is open in another tab could read the runs, and label."""
    for path in ("/", "/runs/two/report.html", "/label/two"):
        status, _, text = view.ask(path, **headers)
        assert status == 403
        assert "two" not in text


def test_every_answer_is_sealed(view):
    """One page without a policy is enough for a script in a task's name."""
    for path in (
        "/",
        "/runs/two/",
        "/live/two",
        "/compare",
        "/label/two",
        "/nothing",
        "/compare?a=x",
        "/runs/two/report.html",
        "/runs/two/pareto.svg",
    ):
        headers = view.ask(path)[1]
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_a_run_that_was_killed_is_not_shown_as_running(tmp_path):
    """Somebody would wait for it until tomorrow."""
    run = write_run(tmp_path / "r", [trial("t", "a", 0.5)], status="running")
    assert status_of(run.path, run.manifest) == "stopped"
    (run.path / ".lock").touch()
    assert status_of(run.path, run.manifest) == "stopped"
    with (run.path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert status_of(run.path, run.manifest) == "running"


def test_an_id_is_never_a_path(results):
    """`/runs/..%2f..` must not open what lies elsewhere."""
    assert run_of(results, "two") is not None
    for name in ("..", ".", "", "two/../one", "latest", "broken", "no", f"{results}/two"):
        assert run_of(results, name) is None


def test_hostile_names_do_nothing_on_any_page(tmp_path):
    """Names come from files of others; one of them must not become markup of ours."""
    folder = tmp_path / "results"
    short = [text.replace("\0", "")[:200] for text in HOSTILE]
    rows = [
        trial(f"{k} {text}", f"{side} {short[k % 9]}", 0.4 + 0.01 * k, domain=text)
        for k, text in enumerate(short)
        for side in ("x", "y")
    ]
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    run = write_run(
        folder / "bad",
        rows,
        recipes=names,
        status="running",
        started=short[0],
        tasks={"sources": [short[3]]},
        bench={"name": short[5]},
    )
    live = [{"wanted": 9, "budget_usd": None}]
    live += [{"ended": [name, name, 0], "now": [1, 0, 0, 0, 0.5, 0]} for name in names]
    write_lines(run.path / ".live.jsonl.1-0.part", live)
    with viewed(folder) as view:
        for path in (
            "/",
            "/runs/bad/",
            "/live/bad",
            "/compare?a=bad",
            "/label/bad",
            "/?q=" + "%3Cscript%3E",
            "/compare?a=%3Cscript%3E",
        ):
            text = view.ask(path)[2]
            assert text.count("<script") == 1, path
            for tag in ("<img", "<iframe", "<svg onload", "<style>@import", "<base", "<object"):
                assert tag not in text, path
