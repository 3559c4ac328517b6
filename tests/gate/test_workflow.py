"""What `init` writes for CI, step by step in a repository that holds nothing else."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fusion_eval import starter
from fusion_eval.cli import main

pytestmark = pytest.mark.usefixtures("no_figures")

ROOT = Path(__file__).parents[2]


def _shell(text: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """One step as a runner takes it: bash that stops at the first error."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", text], cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PATH": path, **env},
    )  # fmt: skip


def _git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *names, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A repository with one commit: what `init` writes, with fewer recipes to be quick."""
    starter.write(tmp_path)
    bench = tmp_path / "bench.yaml"
    kept = re.sub(r"(?m)^  (solo|self|vote)-\w+: \{strategy.*\n", "", bench.read_text("utf-8"))
    bench.write_text(kept)
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "start")
    return tmp_path


def _steps(project: Path) -> list[dict]:
    text = (project / ".github" / "workflows" / "fusion-eval.yml").read_text("utf-8")
    return [step for step in yaml.safe_load(text)["jobs"]["gate"]["steps"] if "run" in step]


def _run(project: Path, number: int = 3, skip: tuple[str, ...] = ()) -> tuple[dict[str, int], str]:
    """Exit code of each step that ran, and the summary; the install step is not ours to run."""
    summary = project.parent / "summary.md"
    summary.write_text("")
    codes: dict[str, int] = {}
    for step in _steps(project):
        if step.get("name") == "install" or step["run"].split()[1] in skip:
            continue
        failed = any(codes.values())
        if failed and step.get("if") != "always()":
            continue
        text = step["run"].replace("${{ github.run_number }}", str(number))
        done = _shell(text, project, GITHUB_STEP_SUMMARY=str(summary))
        codes[text.split("--")[0].split("\n")[0].strip()] = done.returncode
    return codes, summary.read_text("utf-8")


def test_the_workflow_is_green_unchanged_and_red_when_the_panel_lost_its_writer(project):
    """The first thing a team sees of the gate is this file in its own CI."""
    codes, summary = _run(project)
    assert set(codes.values()) == {0}, codes
    assert "PASS" in summary.splitlines()[0] or "No baseline" in summary.splitlines()[0]
    assert "This run cost $" in summary
    assert "![" not in summary
    assert _git(project, "status", "--porcelain") == "?? results/"  # the baseline alone

    bench = project / "bench.yaml"
    text = bench.read_text("utf-8")
    broken = re.sub(r"(panel: .*synthesizer: )large", r"\1tiny", text).replace(
        "\nrecipes:", "\n  tiny: {endpoint: sim, id: aviary/sparrow, max_tokens: 40}\n\nrecipes:"
    )
    assert broken != text
    bench.write_text(broken)
    _git(project, "add", "bench.yaml")
    _git(project, "commit", "-qm", "break it")
    codes, summary = _run(project, 4, skip=("validate", "plan"))

    assert [code for code in codes.values() if code] == [1], codes
    assert summary.startswith("## SIMULATED: FAIL")
    assert "panel: synthesizer is tiny, was large" in summary
    assert "Tasks that lost most" in summary
    assert "Criteria that lost most" in summary
    assert "This run cost $" in summary


def test_a_baseline_is_never_made_from_the_change_itself(project, tmp_path):
    """A change held against its own answers is green whatever it breaks."""
    (project / "tasks.yaml").write_text("# broken")
    _git(project, "commit", "-qam", "the change")
    seen, tools = project / "seen.txt", project / "tools"
    tools.mkdir()
    (tools / "fusion-eval").write_text(
        f"#!/bin/sh\ngit log -1 --format=%s >> {seen}\nmkdir -p results/baseline\n"
    )
    (tools / "fusion-eval").chmod(0o755)
    (step,) = [s for s in _steps(project) if s.get("name", "").startswith("baseline")]
    summary = project / "summary.md"
    text = f'PATH="{tools}:$PATH"\n{step["run"]}'
    base = _git(project, "rev-parse", "HEAD^")
    for before in ("", base):
        done = _shell(text, project, BEFORE=before, GITHUB_STEP_SUMMARY=str(summary))
        assert done.returncode == 0, done.stderr

    assert set(seen.read_text().split("\n")) == {"start", ""}
    assert not summary.exists()


def test_no_step_installs_a_name_from_a_public_index(project):
    """Whoever takes the name there would run in the CI of all our users, with their keys."""
    (install,) = [step for step in _steps(project) if step.get("name") == "install"]
    given = install["env"]["FUSION_EVAL"]

    assert given == "" or re.fullmatch(r"[a-z]+\+\w+://.+@[0-9a-f]{7,40}", given)
    assert not re.search(r"pip install\s+[\"']?fusion", install["run"])
    done = _shell(install["run"], project, FUSION_EVAL="")
    assert done.returncode == 2
    assert "set FUSION_EVAL" in done.stdout


def test_an_installed_commit_is_what_the_workflow_installs(monkeypatch, tmp_path):
    """A workflow that installs another version gates against another program."""

    class Installed:
        def read_text(self, _: str) -> str:
            return (
                '{"url": "https://example.org/fusion-eval.git", '
                '"vcs_info": {"vcs": "git", "commit_id": "0123abc4567"}}'
            )

    monkeypatch.setattr(starter.metadata, "distribution", lambda _: Installed())
    starter.write(tmp_path)
    (install,) = [step for step in _steps(tmp_path) if step.get("name") == "install"]

    assert install["env"]["FUSION_EVAL"] == "git+https://example.org/fusion-eval.git@0123abc4567"


def test_runs_and_keys_stay_out_of_git_and_an_own_gitignore_is_kept(tmp_path):
    """The ledger holds every prompt and reply."""
    (tmp_path / ".gitignore").write_text("*.pyc\n.env")
    starter.write(tmp_path)
    lines = (tmp_path / ".gitignore").read_text("utf-8").splitlines()

    assert lines[:2] == ["*.pyc", ".env"]
    assert lines.count(".env") == 1
    _git(tmp_path, "init", "-q")
    for name in ("ledger.sqlite", "baseline/baseline.json"):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert _git(tmp_path, "ls-files", "-o", "--exclude-standard", "results") == (
        "results/baseline/baseline.json"
    )


def _commands(path: Path, start: str) -> list[list[str]]:
    """The commands of the first block after `start` on a page, without their comments."""
    text = path.read_text("utf-8").partition(start)[2]
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.strip().startswith("fusion-eval"):
            found.append(shlex.split(line, comments=True)[1:])
        elif found:
            break
    return found


@pytest.mark.parametrize(
    ("page", "start"), [("README.md", "a gate for CI"), ("docs/gate.md", "# The gate")]
)
def test_the_commands_of_a_page_work_in_their_order_and_measure_something(
    project, monkeypatch, capsys, page, start
):
    """The second run of both made no call, and the gate passed the baseline's own answers."""
    monkeypatch.chdir(project)
    commands = _commands(ROOT / page, start)
    for words in commands:
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        assert stopped.value.code in (0, None), (words, said.out[-800:], said.err[-800:])
    assert [words[0] for words in commands] == ["run", "baseline", "run", "gate"]
    assert said.out.startswith("SIMULATED: PASS")
