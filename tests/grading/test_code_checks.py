"""Code checks: a model's code runs in the sandbox alone, and nothing passes by cheating."""

# ruff: noqa: E501  (programs in a table)

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusion_eval.answers.code import code_blocks
from fusion_eval.bench.configure import configure, override
from fusion_eval.bench.refuse import refuse
from fusion_eval.core import Question, Task, TaskSet
from fusion_eval.core.codetests import code_tests
from fusion_eval.errors import BenchFileError, InputError
from fusion_eval.grading import check, sandbox
from fusion_eval.grading.code import check_code
from fusion_eval.loading.tasks import load_tasks

ROOT = Path(__file__).parents[2]
CODING = ROOT / "tasks" / "coding.yaml"


def _missing() -> str:
    """Why there is no sandbox on this machine; empty where there is one."""
    try:
        sandbox.sandbox()
    except InputError as error:
        return str(error)
    return ""


needs_sandbox = pytest.mark.skipif(bool(_missing()), reason=_missing() or "there is a sandbox")


def fenced(code: str) -> str:
    return f"Here it is.\n\n```python\n{code}\n```\n"


TESTS = "assert double(2) == 4\nassert double([1]) == [1, 1]\n"


@needs_sandbox
def test_our_own_solutions_pass_our_own_tests():
    """A task whose tests nobody can pass would only measure us."""
    tasks = load_tasks(CODING).tasks
    assert len(tasks) >= 12
    for task in tasks:
        verdict = check(task, fenced(task.metadata["solution"]))
        assert verdict.verdict == "met", (task.id, verdict.reason)
        assert len(code_tests(task.target)) >= 5, task.id


@needs_sandbox
@pytest.mark.parametrize(
    ("code", "word", "said"),
    [
        ("def double(x): return x * 2", "met", "all 2 tests passed"),
        ("def double(x): return x + 2", "unmet", "raised TypeError"),
        ("def double(x): return 4", "unmet", "double([1]) gave 4, expected [1, 1]"),
        ("def double(x) return", "unmet", "the code failed: SyntaxError"),
        ("import os; os._exit(0)", "unmet", "gave nothing"),
        ("import sys; sys.exit()", "unmet", "the code failed: SystemExit"),
        ("class A:\n    def __eq__(s, o): return True\ndef double(x): return A()", "unmet", "gave"),
        ("class A:\n    def __repr__(s): return '4'\ndef double(x): return A()", "unmet", "[1]"),
        ("import os\nfor n in (0, 1):\n    os.write(3, b'{\"number\": %d, \"value\": \"4\"}\\n' % n)\ndef double(x): return 0", "unmet", "double([1]) gave 4"),
        ("def double(x): return bytearray(10 ** 10)", "unmet", "MemoryError"),
        ("import os\ndef double(x): return os.fork()", "unmet", "BlockingIOError"),
        ("import subprocess\ndef double(x): return subprocess.run(['/bin/true'])", "unmet", "raised"),
        ("import socket\ndef double(x): return socket.create_connection(('192.0.2.1', 80), 3)", "unmet", "unreachable"),
        ("def double(x): return open('/usr/x', 'w').write('y')", "unmet", "raised"),
        ("def double(x): return open('/dev/shm/x', 'w').write('y')", "unmet", "raised"),
        ("def double(x): return '(' * 9000", "unmet", "gave"),
        ("import os\ndef double(x):\n    while True: os.write(3, b'x' * 100000)", "unmet", "gave nothing"),
    ],
)  # fmt: skip
def test_only_code_that_is_right_passes_whatever_else_it_tries(code, word, said):
    """An answer that could pass by leaving, lying or flooding would win every vote."""
    given, reason = check_code(fenced(code), TESTS)
    assert (given, said in reason) == (word, True), reason


@needs_sandbox
def test_code_sees_none_of_our_files_variables_or_processes(tmp_path, monkeypatch):
    """A key in the environment would be in the next answer that a model reads."""
    (tmp_path / "secret.txt").write_text("s3cret")
    monkeypatch.setenv("OPENROUTER_API_KEY", "s3cret")
    code = f"""\
        import os, glob
        def seen():
            try:
                return open({str(tmp_path / "secret.txt")!r}).read()
            except OSError:
                return sorted(os.environ)
        def processes():
            return len(glob.glob("/proc/[0-9]*"))
        """
    where = sandbox.sandbox()
    lines = sandbox.run(
        where, "\n".join(code.split("\n        ")).strip(), ["seen()", "processes()"]
    )
    seen, processes = (line["value"] for line in lines.lines)
    assert "s3cret" not in seen
    assert "KEY" not in seen
    assert int(processes) <= 3


@needs_sandbox
def test_code_that_never_ends_is_ended_and_leaves_nothing_behind():
    """An endless loop in one answer of thousands must cost its seconds and no more."""
    mark = f"endless{os.getpid()}"
    *start, c = sandbox.sandbox().command
    marked = sandbox.Sandbox(command=(*start, "-X", mark, c))
    assert sandbox.run(marked, "x = 1", ["x"]).lines == ({"number": 0, "value": "1"},)
    sleeps = "import time\nwhile True: time.sleep(1)"  # no limit on processor time ends this
    ran = sandbox.run(marked, sleeps, ["1"], seconds=1.0)
    assert ran.stopped.startswith("ran longer than 1 s")
    for _ in range(50):
        if not (left := [line for line in _processes() if mark in line]):
            break
        time.sleep(0.1)
    assert not left


def _processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text("utf-8", "replace"))
        except OSError:
            continue
    return found


SOLUTION = "def double(x):\n    return 2 * x\n"


@pytest.mark.parametrize(
    ("answer", "blocks"),
    [
        (fenced("x = 1"), ["x = 1\n"]),
        ("```py\na = 1\n```\nbetter:\n```python\na = 2\n```", ["a = 1\n", "a = 2\n"]),
        ("```\nb = 1\n```", ["b = 1\n"]),
        (f"```\n{SOLUTION}```\nprints\n```\n6\n```", [SOLUTION]),
        (f"```python\n{SOLUTION}```\n```bash\npython a.py\n```", [SOLUTION]),
        (f"~~~python\n{SOLUTION}~~~", [SOLUTION]),
        (f"````py3\n{SOLUTION}````", [SOLUTION]),
        (f"```Python 3.12\n{SOLUTION}```", [SOLUTION]),
        (f"```{{python}}\n{SOLUTION}```", [SOLUTION]),
        (f"```python\r\n{SOLUTION.replace(chr(10), chr(13) + chr(10))}```\r\n", [SOLUTION]),
        ("1. So:\n\n   ```python\n   def f():\n       pass\n   ```", ["def f():\n    pass\n"]),
        ("> ```python\n> def f():\n>     pass\n> ```", ["def f():\n    pass\n"]),
        (f"```python\n{SOLUTION}", [SOLUTION]),
        ('```python\ndef f():\n    """So:\n    ```\n    f()\n    ```\n    """\n```', None),
        (SOLUTION, [SOLUTION]),
        (f"import math\n\n# twice\n{SOLUTION}\nprint(double(2))", None),
        (f"<think>```python\n{SOLUTION}```</think>I give up.", []),
        ("```sh\nls\n```", []),
        ("```pycon\n>>> f(1)\n```", []),
        (f"Here it is: {SOLUTION}", []),
        ("x = 1", []),
        ("", []),
    ],
)
def test_the_code_of_an_answer_is_all_its_blocks_of_python(answer, blocks):
    """Of a solution, its example and its tests, only the last would run, and fail."""
    found = list(code_blocks(answer))
    assert found == blocks if blocks is not None else len(found) == 1 and "def" in found[0]


@needs_sandbox
@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (f"{fenced(SOLUTION)}Usage:\n{fenced('print(double(int(input())))')}", "met"),
        (f"{fenced(SOLUTION)}Tests:\n{fenced('assert double(2) == 5')}", "met"),
        (f"{fenced('def double(x): return x')}Better:\n{fenced(SOLUTION)}", "met"),
        (f"{fenced('def twice(x): return 2 * x')}{fenced('double = twice')}", "met"),
        (f"{fenced(SOLUTION)}Better:\n{fenced('def double(x) return x')}", "unmet"),
        (f"{fenced(SOLUTION)}Better:\n{fenced('def double(x): return x')}", "unmet"),
    ],
)
def test_blocks_run_together_and_the_last_definition_counts(answer, word):
    """A right program with a wrong example would be wrong; a draft would stand for what it became."""
    given, reason = check_code(answer, TESTS)
    assert given == word, reason


@needs_sandbox
@pytest.mark.parametrize(
    "code",
    [
        "def double(x): raise ValueError(chr(0xD83D))",
        "def double(x): raise ValueError(chr(0))",
        "raise KeyError(chr(0xD83D))",
        "import os\nos.write(3, b'{\"number\": []}\\n')\ndef double(x): return 0",
        'import os\nos.write(3, b\'{"number": true, "value": {}}\\n\')\ndef double(x): return 0',
        'import os\nos.write(3, b\'{"number": 0, "value": ["4"]}\\n\')\ndef double(x): return 0',
    ],
)
def test_what_code_raises_or_writes_cannot_end_the_run(code):
    """Half a character in one answer's error ended the run, and every later try to go on with it."""
    word, reason = check_code(fenced(code), TESTS)
    assert word == "unmet"
    reason.encode()
    assert "\0" not in reason


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "no test"),
        ("assert f(1)", "line 1 is not a test"),
        ("assert f(1) == g(1)", "line 1 is not a test"),
        ("assert f(1) == 1\nimport os", "line 2 is not a test"),
        ("assert f(1) ==", "line 1 is not Python"),
        ("assert f(1) == 1, 'no'", "line 1 is not a test"),
    ],
)
def test_tests_that_could_not_be_compared_outside_are_refused(target, said):
    """`assert f(1)` would have to be believed; only a value can be compared where nothing runs."""
    with pytest.raises(ValueError, match=said):
        code_tests(target)


# Refusals


def coding() -> TaskSet:
    question = Question(prompt="Write double(x).")
    task = Task(id="double", question=question, target=TESTS, check="code")
    return TaskSet(name="t", tasks=(task,))


def test_code_is_not_run_unless_somebody_asked_for_it():
    """A task file from a stranger must not be enough to run programs on this machine."""
    with pytest.raises(BenchFileError, match=r"'double'\) run code that models wrote; allow it"):
        refuse(coding(), configure("demo"))


@pytest.mark.parametrize("broken", ["missing", "forbidden"])
def test_without_bubblewrap_nothing_runs_and_the_reason_is_said(broken, monkeypatch, tmp_path):
    """Falling back to running it here would be the one mistake that cannot be taken back."""
    fake = tmp_path / "bwrap"
    fake.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    tmp_path.chmod(0o755)
    found = None if broken == "missing" else str(fake)
    real = sandbox.shutil.which
    monkeypatch.setattr(
        sandbox.shutil, "which", lambda name, **k: found if name == "bwrap" else real(name, **k)
    )
    sandbox.sandbox.cache_clear()
    try:
        wanted = "which is not here; install it" if broken == "missing" else "cannot start here"
        with pytest.raises(BenchFileError, match=wanted):
            refuse(coding(), override(configure("demo"), run_code=True))
        with pytest.raises(InputError, match=wanted):
            check(coding().tasks[0], fenced("def double(x): return x * 2"))
    finally:
        sandbox.sandbox.cache_clear()


@needs_sandbox
def test_with_a_sandbox_and_a_request_a_run_goes_through(tmp_path):
    """The whole way: task file, request, answers of the simulator, verdicts in the tables."""
    import fusion_eval as fe

    run = fe.run(
        CODING,
        "demo",
        recipes=["solo-sparrow"],
        limit=2,
        run_code=True,
        output_dir=tmp_path,
        repeats=1,
    )
    verdicts = fe.verdicts(run)
    assert run.manifest["status"] == "finished"
    assert set(verdicts["grader"]) == {"check:code"}
    assert list(verdicts["verdict"]) == ["unmet", "unmet"]


def test_the_program_inside_needs_nothing_of_ours():
    """It runs where fusion_eval is not: an import of ours there would fail every answer."""
    source = (ROOT / "fusion_eval" / "grading" / "inside.py").read_text()
    assert "fusion_eval" not in source.split('"""', 2)[2]
    code = 'import json,sys; sys.modules["fusion_eval"] = None; exec(sys.argv[1])'
    job = '{"code": ["x = 6"], "expressions": ["x * 7"], "limits": {}, "longest": 9}'
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, source],
        input=job, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == '{"number": 0, "value": "42"}\n'


ESCAPES = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
namespace = libc.unshare(0x10000000)
segment = libc.shmget(0, 64 << 20, 0o1777)
queue = libc.msgget(0, 0o1777)
memory = libc.memfd_create(b"m", 0)
"""


@needs_sandbox
@pytest.mark.parametrize("name", ["namespace", "segment", "queue", "memory"])
def test_code_makes_no_namespace_and_no_memory_outside_of_its_limit(name: str):
    """800 MB stood in segments that the limit of 512 MB does not count, and a file system of its
    own could be mounted."""
    ran = sandbox.run(sandbox.sandbox(), ESCAPES, [name])
    assert [line.get("value") for line in ran.lines] == ["-1"]
