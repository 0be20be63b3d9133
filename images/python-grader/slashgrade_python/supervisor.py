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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slashgrade_python import guard, imports, report, strays, texts, tracebacks
from slashgrade_python.control import Attendant, Control, be_student, end
from slashgrade_python.layout import Layout
from slashgrade_python.limits import Limits
from slashgrade_python.standby import Order, Pair, Standby, at_depth, be, with_lowest_number

if TYPE_CHECKING:
    from slashgrade_python.shelf import Shelf

STUDENT, TESTER = "ag", "ag-tests"
#: Added to the niceness of students' processes: hundreds of busy ones would else leave the grader no time to end them.
LOWEST = 19
#: The import path that the image gives to test and student code; the entrypoint keeps it from the grader itself.
PATH_VARIABLE = "SLASHGRADE_PYTHONPATH"
#: HOME of all processes, as test and student code may expect.
HOME = f"/home/{STUDENT}"
#: The module that a warm-up has for ``stand_by``; a grading without one does not load it.
REHEARSAL = "slashgrade_python.rehearsal"


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


def grade(started: float, pair: Pair | None = None) -> None:
    """Grade, and write the result. started: as for ``run``. pair: processes that stand by for it."""
    layout = Layout()
    order: Order = {"environment": dict(os.environ), "started": started}
    _settle()
    layout.prepare()
    order["libraries"] = imports.asked(layout)
    order["names"] = [sorted(layout.from_tests), sorted(layout.submitted)]
    if pair is not None and not pair.serves(order["libraries"]):
        pair.dismiss()
        pair = None
    if pair is None:
        _load(order["libraries"])
    text = _result_of_tester(layout, order, pair)
    layout.write_result(text or report.encode(report.last_ditch()))


def stand_by(shelf: Shelf, *not_for_them: int) -> Pair | None:
    """Start a tester and a student's process that wait for ``grade``; None if they fail.

    shelf: the libraries that are loaded. not_for_them: descriptors that they must not keep open.
    """
    rehearsal = shelf.module(REHEARSAL)
    one, other = socket.socketpair()
    with one, other:
        student = Standby(lambda: rehearsal.as_student(one, shelf), _begin_as_student, (*not_for_them, other.fileno()))
        tester = Standby(
            lambda: rehearsal.as_tester(other, shelf),
            _begin_as_tester,
            (*not_for_them, one.fileno(), *student.descriptors),
        )
    pair = Pair(student, tester, shelf.names)
    if pair.is_ready():
        return pair
    pair.dismiss()
    return None


def _begin_as_student(sock: socket.socket, order: Order) -> None:
    _carry_out(order)
    be_student(sock, lambda: _become_student(_layout(order)))


def _begin_as_tester(sock: socket.socket, order: Order) -> None:
    _carry_out(order)
    _be_tester(_layout(order), order["started"], sock)


def _carry_out(order: Order) -> None:
    """Become in a process that stood by what a fork of the supervisor is."""
    os.environ.clear()
    os.environ.update(order["environment"])
    _settle()
    _load(order["libraries"])


def _layout(order: Order) -> Layout:
    layout = Layout()
    layout.from_tests, layout.submitted = map(frozenset, order["names"])
    return layout


def _load(libraries: list[str]) -> None:
    imports.ahead(libraries)
    gc.freeze()  # a collection in one of the forked processes leaves alone what they share, and so their memory too
    gc.enable()


def _settle() -> None:
    """Give this process, and so those it forks, the surroundings that the image promises to test and student code."""
    tracebacks.CURRENT = texts.from_environment()
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    home = str(Path(__file__).resolve().parent.parent)
    given = os.environ.pop(PATH_VARIABLE, "")
    os.environ["PYTHONPATH"] = given
    sys.path[:] = [entry for entry in given.split(os.pathsep) if entry] + [entry for entry in sys.path if entry != home]
    sys.path.append(os.path.join(home, "shims"))
    os.environ["HOME"] = HOME


def _result_of_tester(layout: Layout, order: Order, pair: Pair | None) -> str:
    """Run the tester in a process of its own; return its result, or "" if it ended without one."""
    # With a pair the libraries are loaded here, but not brought back: a process that is forked after all does that.
    libraries = order["libraries"] if pair else []
    # The student's process first: a fork would keep the pipe open at whose end it begins.
    first = pair.student if pair and pair.student.begin(order) else None
    child, ours = _tester(layout, order, pair)

    def become_student() -> None:
        _load(libraries)
        _become_student(layout)

    content = Attendant(ours, become_student, first, _end_strays).attend()
    end(child)  # it has nothing more to do
    try:
        json.loads(content)
    except ValueError:
        return ""
    return content.decode()


def _tester(layout: Layout, order: Order, pair: Pair | None) -> tuple[int, socket.socket]:
    """Have the tester begin; return its process number and the socket to it."""
    if pair and pair.tester.begin(order):
        return pair.tester.pid, pair.tester.socket
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _load(order["libraries"])
        _be_tester(layout, order["started"], theirs)
    theirs.close()
    return child, ours


def _be_tester(layout: Layout, started: float, sock: socket.socket) -> None:
    """Be the tester until the process ends."""
    be(lambda: at_depth(lambda: _grade(layout, started, Control(with_lowest_number(sock)))))


def _grade(layout: Layout, started: float, control: Control) -> None:
    from slashgrade_python import tester

    limits = Limits.from_environment(started=started)
    result = tester.grade_files(layout, limits, control, lambda: become(TESTER))
    control.result(report.encode(result))


def _end_strays() -> None:
    if os.geteuid() == 0:  # else the user that they have is our own
        strays.end(pwd.getpwnam(STUDENT).pw_uid)


def _become_student(layout: Layout) -> None:
    """Give a new process the student's rights and place."""
    guard.forget()
    _be_the_first_to_go()
    os.nice(LOWEST)
    become(STUDENT)
    os.chdir(layout.run)


def _be_the_first_to_go() -> None:
    """Have the kernel end this process, and none of the grader's, where the container's memory is used up."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError as error:
        print(f"oom_score_adj: {error.strerror}", file=sys.stderr)


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
