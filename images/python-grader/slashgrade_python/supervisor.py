"""The supervisor: root's part of a grading. It lays /grade out, starts the others, and writes the result.

It never reads the question, so that a student's process, which is a fork of it, holds nothing secret.
"""

from __future__ import annotations

import gc
import json
import os
import pwd
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from slashgrade_python import guard, imports, report, texts, tracebacks
from slashgrade_python.control import Attendant, Control
from slashgrade_python.layout import Layout
from slashgrade_python.limits import Limits

STUDENT, TESTER = "ag", "ag-tests"
#: The import path that the image gives to test and student code; the entrypoint keeps it from the grader itself.
PATH_VARIABLE = "SLASHGRADE_PYTHONPATH"
#: HOME of all processes, as test and student code may expect.
HOME = f"/home/{STUDENT}"


def run(started: float, begin: Callable[[], int] | None = None) -> int:
    """Grade the job under /grade. Returns the exit status: 1 without /grade, else 0.

    started: ``time.monotonic()`` when the job's time began.
    begin: has a process that waits for it do ``grade``, and returns its number; by default one is forked.
    Raises OSError if not even the space that was set aside for the result can be written.
    """
    layout = Layout()
    if not layout.root.is_dir():
        print("ERROR: /grade not found! Mounting may have failed.")
        return 1
    limits = Limits.from_environment(started=started)
    child = begin() if begin else guard.begin(lambda: grade(started))
    ending = guard.oversee(child, limits.last_call())
    if ending is guard.Ending.LATE:
        layout.write_result(report.encode(report.late(texts.from_environment())))
    elif ending is guard.Ending.BROKEN:
        layout.write_result(report.encode(report.last_ditch()))
    return 0


def grade(started: float) -> None:
    """Grade, and write the result. started: as for ``run``."""
    layout, limits = Layout(), Limits.from_environment(started=started)
    tracebacks.CURRENT = texts.from_environment()
    _settle()
    layout.prepare()
    imports.ahead(layout)
    gc.freeze()  # a collection in one of the forked processes leaves alone what they share, and so their memory too
    gc.enable()
    text = _result_of_tester(layout, limits)
    layout.write_result(text or report.encode(report.last_ditch()))


def _settle() -> None:
    """Give this process, and so the others, the surroundings that the image promises to test and student code."""
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    home = str(Path(__file__).resolve().parent.parent)
    given = os.environ.pop(PATH_VARIABLE, "")
    os.environ["PYTHONPATH"] = given
    sys.path[:] = [entry for entry in given.split(os.pathsep) if entry] + [entry for entry in sys.path if entry != home]
    sys.path.append(os.path.join(home, "shims"))
    os.environ["HOME"] = HOME


def _result_of_tester(layout: Layout, limits: Limits) -> str:
    """Run the tester in a process of its own; return its result, or "" if it ended without one."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _be_tester(layout, limits, Control(theirs))
    theirs.close()
    content = Attendant(ours, lambda: _be_student(layout)).attend()
    os.waitpid(child, 0)
    try:
        json.loads(content)
    except ValueError:
        return ""
    return content.decode()


def _be_tester(layout: Layout, limits: Limits, control: Control) -> None:
    """Be the tester until the process ends."""
    try:
        from slashgrade_python import tester

        result = tester.grade_files(layout, limits, control, lambda: become(TESTER))
        control.result(report.encode(result))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _be_student(layout: Layout) -> None:
    """Give a new process the student's rights and place."""
    guard.forget()
    become(STUDENT)
    os.chdir(layout.run)


def become(user: str) -> None:
    """Give root's rights up for ever and be ``user``; who is not root stays who they are.

    HOME is the student's for both, as test code may expect; the tester's caches are its own.
    """
    entry = pwd.getpwnam(user)
    if os.geteuid() == 0:
        os.initgroups(user, entry.pw_gid)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    os.environ["USER"] = os.environ["LOGNAME"] = STUDENT
    if user == TESTER:
        os.environ["MPLCONFIGDIR"] = f"{entry.pw_dir}/.config/matplotlib"
