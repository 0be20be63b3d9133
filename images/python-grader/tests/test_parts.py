"""The parts that need neither a student's process nor the image."""

from __future__ import annotations

import json
import linecache
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from slashgrade_python import guard, highlight, imports, notebook, report, seeds, texts, tracebacks
from slashgrade_python.execution import Capture
from slashgrade_python.feedback import Book, Feedback
from slashgrade_python.layout import RESERVE, Layout
from slashgrade_python.limits import Limits, TimedOut, limited, shown, since_start
from slashgrade_python.outcomes import QuestionFault, UnreadableFile
from slashgrade_python.question import Question
from slashgrade_python.wire import Channel, Closed


@pytest.fixture
def layout(tmp_path):
    for folder in ("student", "tests", "data", "serverFilesCourse", "shared"):
        (tmp_path / folder).mkdir()
    for name in ("test.py", "ans.py", "setup_code.py"):
        (tmp_path / "tests" / name).write_text(f"# {name}\n")
    (tmp_path / "data" / "data.json").write_text('{"params": {"names_from_user": [{"name": "x"}]}}')
    (tmp_path / "student" / "user_code.py").write_text("x = 1\n")
    return Layout(tmp_path)


def test_long_source_is_cut():
    shown = highlight.python("x = 1\n" * 1_000_000)
    assert len(shown) < 30 * highlight.LIMIT
    assert "it is 6,000,000 characters long" in shown


# ---------------------------------------------------------------------- layout


def test_layout(layout):
    (layout.root / "student" / "same.txt").write_text("student")
    (layout.root / "tests" / "same.txt").write_text("tests")
    (layout.root / "tests" / "lib").mkdir()
    (layout.root / "student" / ".hidden").write_text("")
    (layout.root / "student" / "ans.py").write_text("forged")
    layout.prepare()
    assert sorted(os.listdir(layout.run)) == ["lib", "same.txt", "user_code.py"]
    assert (layout.run / "same.txt").read_text() == "tests"
    assert sorted(os.listdir(layout.secrets)) == ["ans.py", "data.json", "setup_code.py", "test.py"]
    assert (layout.secrets / "ans.py").read_text() == "# ans.py\n"
    assert (layout.run.stat().st_mode & 0o7777, layout.secrets.stat().st_mode & 0o7777) == (0o1777, 0o700)
    assert layout.submitted == {"user_code.py"}
    assert layout.from_tests == {"lib", "same.txt"}


def test_colliding_directories_are_skipped(layout, capsys):
    for side in ("student", "tests"):
        (layout.root / side / "d").mkdir()
        (layout.root / side / "d" / side).write_text("")
    layout.prepare()
    assert os.listdir(layout.run / "d") == ["student"]
    assert "cannot move" in capsys.readouterr().err


def test_result_replaces_whatever_is_there(layout, tmp_path):
    secret = tmp_path / "elsewhere"
    secret.write_text("untouched")
    layout.prepare()
    for forged in (lambda: layout.result.symlink_to(secret), lambda: layout.result.mkdir(), lambda: None):
        forged()
        layout.write_result("{}")
        assert layout.result.read_text() == "{}"
        layout.result.unlink()
    assert secret.read_text() == "untouched"


def test_space_for_the_result_is_set_aside(layout):
    layout.results.mkdir()
    layout.result.write_text("forged")
    layout.prepare()
    assert os.listdir(layout.results) == [layout.partial.name]
    found = layout.partial.stat()
    assert found.st_size == RESERVE
    assert found.st_blocks * 512 >= RESERVE
    assert found.st_mode & 0o777 == 0o600
    layout.write_result("{}")
    assert layout.result.stat().st_ino == found.st_ino
    assert layout.result.read_text() == "{}"
    assert layout.result.stat().st_mode & 0o777 == 0o644


def test_result_does_not_follow_what_took_its_place(layout, tmp_path):
    secret = tmp_path / "elsewhere"
    secret.write_text("untouched")
    layout.prepare()
    for forged in (layout.partial.symlink_to, layout.partial.hardlink_to, lambda _: layout.partial.mkdir()):
        layout.partial.unlink(missing_ok=True)
        forged(secret)
        layout.write_result("{}")
        assert layout.result.read_text() == "{}"
    assert secret.read_text() == "untouched"


def test_results_that_is_no_directory_is_replaced(layout, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (layout.root / "results").symlink_to(other)
    layout.prepare()
    layout.write_result("{}")
    assert not layout.results.is_symlink()
    assert os.listdir(other) == []


def test_grade_is_entered_by_all_and_changed_by_its_owner_only(layout):
    for given in (0o700, 0o777):
        layout.root.chmod(given)
        layout._own_root()
        assert layout.root.stat().st_mode & 0o777 == 0o755


def test_secrets_are_gone_once_read(layout):
    layout.prepare()
    question = Question.read(layout)
    assert not layout.secrets.exists()
    assert question.sources["ans.py"] == "# ans.py\n"
    assert question.sources["leading_code.py"] == ""
    assert question.names_from_user == ["x"]
    assert question.names_for_user == []


@pytest.mark.parametrize("missing", ["tests/test.py", "tests/ans.py", "tests/setup_code.py", "data/data.json"])
def test_missing_file_is_named(layout, missing):
    (layout.root / missing).unlink()
    layout.prepare()
    with pytest.raises(QuestionFault, match=missing.rpartition("/")[2]):
        Question.read(layout)
    assert not layout.secrets.exists()


# ---------------------------------------------------------------------- time


def test_no_limit():
    assert Limits.from_environment({}).share(None, more=True) is None
    assert Limits.from_environment({}).share(2.0, more=True) == 2.0
    assert Limits.from_environment({"SLASHGRADE_TIMEOUT_SECONDS": "soon"}).left() is None
    assert Limits.from_environment({"SLASHGRADE_TIMEOUT_SECONDS": "-1"}).left() is None


def test_shares_of_the_jobs_limit():
    limits = Limits.from_environment({"SLASHGRADE_TIMEOUT_SECONDS": "40"})
    assert limits.left() == pytest.approx(37, abs=0.5)
    assert limits.share(None, more=False) == pytest.approx(37, abs=0.5)
    assert limits.share(None, more=True) == pytest.approx(27.75, abs=0.5)
    assert limits.share(1.0, more=True) == 1.0
    assert Limits(40, time.monotonic() - 100).share(None, more=True) == 0


def test_last_call_is_after_the_last_test_and_before_the_jobs_end():
    limits = Limits(20, time.monotonic())
    assert limits.left() + 0.5 < limits.last_call() < 20
    assert Limits().last_call() is None


def _never_ends():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGTERM, signal.SIGINT])
    time.sleep(600)


@pytest.mark.parametrize(
    "work, seconds, ending",
    [
        (lambda: None, None, guard.Ending.DONE),
        (lambda: None, 60.0, guard.Ending.DONE),
        (lambda: 1 / 0, 60.0, guard.Ending.BROKEN),
        (lambda: os._exit(3), 60.0, guard.Ending.BROKEN),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), 60.0, guard.Ending.BROKEN),
        (_never_ends, 0.3, guard.Ending.LATE),
    ],
)
def test_guard(work, seconds, ending, capfd):
    assert guard.watch(work, seconds) is ending
    shown = capfd.readouterr().err
    assert ("in _never_ends" in shown) == (ending is guard.Ending.LATE)


def test_limited_interrupts_and_restores():
    before = signal.getsignal(signal.SIGALRM)
    with (
        pytest.raises(TimedOut, match=r"^Your code did not finish within the time limit of 0.1 seconds\.$"),
        limited(0.1),
    ):
        while True:
            pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 second"), (2.5, "2.5 seconds"), (30, "30 seconds"), (0.05, "0.05 seconds")]
)
def test_seconds_for_people(seconds, text):
    assert shown(seconds) == text


def test_start_of_this_process():
    assert 0 < time.monotonic() - since_start() < 3600


# ---------------------------------------------------------------------- seeds


def test_seeds_repeat():
    first, second = (seeds.Seeds.from_environment({}, {"SLASHGRADE_SEED": "5"}) for _ in range(2))
    assert [first.next() for _ in range(3)] == [second.next() for _ in range(3)]
    assert first.chosen
    assert not seeds.Seeds().chosen
    assert seeds.Seeds.from_environment({"variant_seed": 9}, {"PL_SEED": "variant"}).base == 9
    with pytest.raises(ValueError, match="soon"):
        seeds.Seeds.from_environment({}, {"SLASHGRADE_SEED": "soon"})


def test_sowing_reaches_numpy_and_faker():
    import numpy as np
    from faker import Faker

    drawn = []
    for _ in range(2):
        seeds.sow(3)
        drawn.append((random.random(), np.random.rand(), Faker().name()))
    assert drawn[0] == drawn[1]


# ---------------------------------------------------------------------- texts, output, notebooks


def test_capture_cuts():
    out = Capture(5)
    print("abcdefgh", file=out)
    assert out.text() == "abcde\n[Output cut here: 4 more characters were printed.]\n"
    with pytest.raises(TypeError):
        out.write(b"x")


def test_encode_keeps_results_small():
    image = "data:image/png;base64," + "A" * 600_000
    result = {"output": "o" * 900_000, "tests": [{"message": "m" * 900_000, "images": [image]}], "images": [image]}
    got = json.loads(report.encode(result))
    assert len(json.dumps(got)) < 1_000_000
    assert got["output"].startswith("o" * 200)
    assert "900,000 characters long" in got["tests"][0]["message"]
    assert got["images"] == []
    assert "left out" in got["message"]


def test_encode_leaves_small_results_alone():
    result = {"score": 0.5, "output": "\ud800é\x00"}
    assert json.loads(report.encode(dict(result))) == result


def test_wording_by_environment():
    assert texts.from_environment({"SLASHGRADE_TEXTS": "Original"}) is texts.ORIGINAL
    assert texts.from_environment({}) is texts.CLEARER


def test_traceback_of_the_machinery_alone_reads_no_source(monkeypatch):
    """Not that of the end of an iterator, which crosses between the processes like any other exception."""
    program = compile("raise StopIteration", os.path.dirname(tracebacks.__file__) + "/link.py", "exec")
    read = []
    monkeypatch.setattr(linecache, "updatecache", lambda *args: read.append(args) or [])
    try:
        exec(program, {})
    except StopIteration as raised:
        error = raised.with_traceback(raised.__traceback__.tb_next)
    found = tracebacks.for_student(error, texts.CLEARER)
    assert found.endswith("StopIteration\n")
    assert "File" not in found
    assert not read
    error.__cause__ = ValueError("why")
    assert "ValueError: why" in tracebacks.for_student(error, texts.CLEARER)


def test_tracebacks_show_no_grader_and_no_tests():
    scope = {}
    exec(compile("def f(): return 1/0", "/grade/run/user_code.py", "exec"), scope)
    exec(compile("def t(f): return f()", "/grade/run/filenames/test.py", "exec"), scope)
    try:
        scope["t"](scope["f"])
    except ZeroDivisionError as error:
        clear = tracebacks.for_student(error, texts.CLEARER)
        whole = tracebacks.for_student(error, texts.ORIGINAL)
        assert tracebacks.line_in(error, "/grade/run/user_code.py") == 1
    assert '  File "user_code.py", line 1, in f\n' in clear
    assert '  File "test.py", line 1, in t\n' in clear
    assert clear.endswith("ZeroDivisionError: division by zero\n")
    assert "/grade/run/filenames/test.py" in whole


def test_file_name_of_a_syntax_error_is_the_students():
    try:
        compile("x = (", "/grade/run/user_code.py", "exec")
    except SyntaxError as error:
        assert '  File "user_code.py", line 1\n' in tracebacks.for_student(error, texts.CLEARER)
        assert '  File "/grade/run/user_code.py", line 1\n' in tracebacks.for_student(error, texts.ORIGINAL)


def cells(*sources, kind="code"):
    return json.dumps({"cells": [{"cell_type": kind, "source": s} for s in sources], "nbformat": 4})


def test_notebook_cells():
    text = cells("a", "  #grade\nb", "c #grade", ["#grade", "\nd"], "#other")
    assert notebook.source(text, "#grade", "") == "  #grade\nb\n#grade\nd\n"
    assert notebook.source(cells("#grade", kind="markdown"), "#grade", "") == ""
    assert "get_ipython()" in notebook.source(cells("#grade\n!ls"), "#grade", "")


@pytest.mark.parametrize(
    "cell",
    [
        "  #grade\n  x = 5",
        "\n    #grade\n    x = 5\n",
        "#grade\n>>> x = (\n...     5)",
        "#grade\nIn [1]: x = 5",
        "#grade\nx = 5",
    ],
)
def test_cells_are_read_as_jupyter_reads_them(cell):
    scope = {}
    exec(notebook.source(cells(cell), "#grade", ""), scope)
    assert scope["x"] == 5


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cells": [{}]}'])
def test_no_notebook(text):
    with pytest.raises(UnreadableFile, match=r"nb\.ipynb"):
        notebook.source(text, "#grade", "nb.ipynb")


# ---------------------------------------------------------------------- imports ahead


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", []),
        ("import numpy as np", ["numpy"]),
        ("  from numpy.linalg import inv", ["numpy"]),
        ("import os, numpy", ["numpy"]),
        ("# import-ant: numpy", []),
        ("from pl_unit_test import PLTestCase, PLTestCaseWithPlot", []),
        ("class Test(PLTestCaseWithPlot):", ["matplotlib.pyplot"]),
        ("Feedback.check_dataframe('d', a, b)", ["pandas"]),
        ("import numpyro", []),
    ],
)
def test_wanted_libraries(text, names):
    assert imports.wanted(text.encode()) == names


# ---------------------------------------------------------------------- frames


def pair():
    import socket

    left, right = socket.socketpair()
    return Channel(left), Channel(right), left


def test_frames():
    left, right, _ = pair()
    left.send(["a", 1.5, None], [b"xyz", bytearray(b"")])
    left.send({"b": "é"})
    assert right.receive() == (["a", 1.5, None], [b"xyz", b""])
    assert right.receive() == ({"b": "é"}, [])
    left.close()
    with pytest.raises(Closed):
        right.receive()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff\x00\x00\x00\x00",
        b"\x02\x00\x00\x00\xff\xff\xff\xff",
        b"\x02\x00\x00\x00\x01\x00\x00\x00" + b"\xff" * 8,
        b"\x02\x00\x00\x00\x00\x00\x00\x00{x",
        b"\x90\x00\x01\x00\x00\x00\x00\x00" + b"[" * 65_680,
        b"\x02",
    ],
    ids=["json too large", "too many buffers", "buffer too large", "not JSON", "too deep", "cut off"],
)
def test_broken_frames(data):
    _, right, raw = pair()
    raw.sendall(data)
    raw.close()
    with pytest.raises(Closed):
        right.receive()


# ---------------------------------------------------------------------- the student's source, shown


def test_student_code_is_shown(tmp_path, capsys):
    from pl_helpers import print_student_code

    file, book = tmp_path / "nb.ipynb", tmp_path / "user_code.py"
    file.write_text(json.dumps({"cells": [{"cell_type": "code", "source": s} for s in ("#grade\nx = 1", "y = 2")]}))
    book.write_text("x = 'é'\n", encoding="utf-8")
    Feedback.book = Book(current="test_0")
    print_student_code(str(book))
    shown = Feedback.book.read("test_0")
    assert "\x1b[38;5;" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == "x = 'é'\n\n"
    returned = print_student_code(str(file), as_feedback=False)
    assert re.sub(r"\x1b\[[0-9;]*m", "", returned) == "x = 1\n"
    assert (Feedback.book.read("test_0"), capsys.readouterr().out) == (shown, "")
    every = print_student_code(str(file), ipynb_key="", as_feedback=False)
    assert re.sub(r"\x1b\[[0-9;]*m", "", every) == "#grade\nx = 1\ny = 2\n"


# ---------------------------------------------------------------------- README.md


def test_contract_names_tests_that_exist():
    folder = Path(__file__).parent
    table = (folder.parent / "README.md").read_text(encoding="utf-8").partition("## The contract, line by line")[2]
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    there = re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE)
    named = re.findall(r"`(test_\w+)(…?)(?:\[[^`]*\])?`", table)
    assert len(named) > 50
    for name, more in named:
        assert name in there or (more and any(each.startswith(name) for each in there)), name
    jobs = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", "".join(re.findall(r"\bE (`[^|;]*)", table)))
    assert len(jobs) > 10
    for job in jobs:
        assert (folder.parent / "examplejobs" / "jobs" / f"{job}.txtar").exists(), job
