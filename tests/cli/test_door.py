"""The door of the command line: streams that are closed, full or narrow, and bugs of our own."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import forked
import pytest

from fusion_eval import cli
from fusion_eval.checking import validate
from fusion_eval.core import inert
from fusion_eval.errors import TableError
from fusion_eval.importing.reading import text_of

MINI = Path(__file__).parents[2] / "tasks" / "mini.yaml"
VALIDATE = ("validate", MINI)
FULL = Path("/dev/full")


def started(*arguments: object, how: str = "", cwd: Path, **env: str):
    """The command in a shell, with its streams as `how` has them."""
    line = [sys.executable, "-m", "fusion_eval", *arguments]
    shell = ["sh", "-c", f'exec "$@" {how}', "sh", *line]
    return subprocess.run(shell, capture_output=True, cwd=cwd, env={**os.environ, **env})


@pytest.mark.parametrize("how", ["1>&-", "2>&-", "0<&-", "0<&- 1>&- 2>&-", "2>/dev/full"])
def test_a_stream_that_nobody_reads_changes_no_exit_code(tmp_path: Path, how: str):
    """A job of a scheduler has no terminal; its run is worth as much."""
    assert started(*VALIDATE, how=how, cwd=tmp_path).returncode == 0
    assert started("validate", "none.yaml", how=how, cwd=tmp_path).returncode == 2


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_full_standard_output_is_named_and_is_exit_2(tmp_path: Path, more):
    """A document that was cut would otherwise be taken for the whole one."""
    done = started(*VALIDATE, *more, how=">/dev/full", cwd=tmp_path)
    assert done.returncode == 2
    assert b"standard output: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_pipe_that_closes_is_no_regression(tmp_path: Path):
    """`fusion-eval --help | head -1` ended with 1, which a gate's reader takes for `worse`."""
    shell = ["sh", "-c", f"{sys.executable} -m fusion_eval run --help; echo $? >&2", "sh"]
    process = subprocess.Popen(shell, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read().split()[-1] in (b"0", b"130")
    process.wait()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_encoding_costs_signs_and_no_run(tmp_path: Path, encoding: str):
    """After all calls were paid, the table of the run could not be printed."""
    bench = ["--bench", "demo", "--limit", "1", "--repeats", "1", "--recipes", "solo-sparrow"]
    done = started("plan", MINI, *bench, cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr.count(b"Traceback")) == (0, 0)
    assert (b"6 tasks x" in done.stdout or b"1 tasks x" in done.stdout) == (encoding == "ascii")
    odd = started("validate", "é–.yaml", "--json", cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert json.loads(odd.stdout.decode(encoding))["files"][0]["file"] == "é–.yaml"


def test_a_path_that_is_not_utf_8_is_shown_with_its_bytes(tmp_path: Path):
    """Archives from other systems hold such names; the message itself must not fail."""
    name = os.fsdecode(b"ta\xffsks.yaml")
    (tmp_path / name).write_bytes(MINI.read_bytes())
    good = started("validate", name, cwd=tmp_path)
    assert (good.returncode, b"ta\\xffsks.yaml: 6 tasks" in good.stdout) == (0, True)
    missing = started("validate", os.fsdecode(b"q\xff/none.yaml"), cwd=tmp_path)
    assert (missing.returncode, missing.stderr) == (
        2,
        b"q\\xff/none.yaml: no such file; there is no folder q\\xff either\n",
    )


def test_a_bug_of_ours_is_exit_70_with_one_line_and_a_document(monkeypatch, capsys):
    """As exit 1 it was read as a regression by every gate."""

    def broken(*_: object) -> None:
        raise KeyError("sk-a-key-that-was-met")

    monkeypatch.setattr("fusion_eval.validate", broken, raising=False)
    monkeypatch.setattr(sys, "argv", ["fusion-eval", "validate", str(MINI), "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 70
    assert err.count("\n") == 1
    assert "please report this line: KeyError at cli/making.py:" in err
    assert json.loads(out) == {"problems": [err.strip()], "bug": True}
    assert "sk-a-key" not in out + err


HOSTILE = "a\x1b[2Jb\x1b]0;title\x07c\u202ed\u2028e\udcfff\ud83dg\th\ni"


def test_text_for_a_terminal_has_nothing_that_a_terminal_obeys():
    """A model's text that clears the screen can print a better result in its place."""
    assert inert(HOSTILE) == "a[2Jb]0;titlecde\\xfffg    h\ni"
    assert inert("plain – é 😀") == "plain – é 😀"


BENCH = """\
endpoints: {{sim: {{simulator: default}}}}
models: {{small: {{endpoint: sim, id: aviary/sparrow{model}}}}}
recipes: {{solo: {{strategy: {strategy}, member: small}}}}
limits: {{{limits}}}
"""
ODD = {
    "price": {"model": ", price: {input: .inf, output: 1}"},
    "temperature": {"model": ", temperature: .inf"},
    "frequency_penalty": {"model": ", frequency_penalty: .nan"},
    "max_tokens": {"model": ", max_tokens: 1" + "0" * 30},
    "budget_usd": {"limits": "budget_usd: .inf"},
    "SyntaxError": {"strategy": '"broken:solo"'},
}


@pytest.mark.parametrize("name", list(ODD))
def test_infinite_numbers_and_broken_modules_are_problems_of_the_file(write, monkeypatch, name):
    """They were taken, and went out as no JSON, or ended in a traceback after the first calls."""
    write("broken.py", "async def solo(:\n")
    monkeypatch.chdir(write("x", "").parent)
    parts = {"model": "", "strategy": "solo", "limits": "", **ODD[name]}
    bench = write("bench.yaml", BENCH.format(**parts))
    (found,) = validate(bench)
    assert len(found["problems"]) == 1
    assert name in found["problems"][0]


@pytest.mark.parametrize("budget", ["inf", "nan", "-inf"])
def test_a_budget_that_is_no_number_is_refused(tmp_path: Path, budget: str):
    """`--budget inf` is a typo of somebody who means to have a limit."""
    done = forked.run("run", MINI, "--budget", budget, "--limit", "1", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


PROXIED = """\
endpoints: {e: {base_url: "http://api.example.test/v1"}}
models: {m: {endpoint: e, id: m/x, price: {input: 1, output: 1}}}
recipes: {solo: {strategy: solo, member: m}}
"""


@pytest.mark.parametrize("proxy", ["http://[::secret-pw", "garbage", "socks5://x:1", "http://:80"])
def test_a_broken_proxy_of_the_environment_is_named_and_not_shown(write, tmp_path: Path, proxy):
    """`doctor` called the endpoint good, since the request that failed had no status."""
    bench = write("proxied.yaml", PROXIED)
    env = {**os.environ, "http_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": "", "NO_PROXY": ""}
    done = forked.run("doctor", "--bench", bench, cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert "HTTP_PROXY is no address of a proxy" in done.stdout
    assert "secret-pw" not in done.stdout + done.stderr


def test_a_damaged_gzip_is_named(tmp_path: Path):
    """Each of sixteen damaged files ended in a traceback."""
    whole = gzip.compress(b"recipe,task,score\na,x,0.5\n" * 99)
    for at in range(12, len(whole) - 1, 7):
        file = tmp_path / "t.csv.gz"
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(TableError, match=r"t\.csv\.gz"):
            text_of(file)


THEIRS = """\
from fusion_eval.core import Member

async def solo(question, ask, *, member: Member):
    return await ask(member, question.messages, role="member")

async def untyped(question, ask, *, member):
    return await ask(member, [])
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("solo", "note: theirs was imported, so its code ran"),
        ("untyped", "'member' has no type, as in `member: Member`"),
    ],
)
def test_validate_and_plan_say_whose_code_they_ran_or_what_it_lacks(
    write, monkeypatch, capsys, name, said
):
    """A bench file of somebody else runs its module as soon as it is looked at."""
    write("theirs.py", THEIRS)
    monkeypatch.chdir(write("x", "").parent)
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    bench = write("bench.yaml", BENCH.format(model="", strategy=f'"theirs:{name}"', limits=""))
    for line in (["validate", bench], ["plan", MINI, "--limit", "1", "--bench", bench]):
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, line)])
        with pytest.raises(SystemExit):
            cli.main()
        assert said in capsys.readouterr().err
