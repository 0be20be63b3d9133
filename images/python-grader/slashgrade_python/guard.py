"""The outermost process of a grading: sees to it that it ends in time, whatever becomes of the processes under it.

It imports no library and has no threads, and is in no conversation with anybody, so nothing that a question or a
submission brings can make it hang. Limits inside the grading (``limits.py``) come first; this one is for what they do
not reach: an import, a fork, setup code, a test file that waits while it is loaded.
"""

from __future__ import annotations

import contextlib
import enum
import faulthandler
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

from slashgrade_python.limits import TimedOut, limited

#: The signal at which the processes of a grading print where they are. Not for students' processes: ``forget``.
TELL = signal.SIGUSR2
#: Seconds that they have for it. Printing a stack takes a few milliseconds.
TELLING = 0.1


class Ending(enum.Enum):
    """How a grading ended."""

    #: It did everything it had to.
    DONE = "done"
    #: It broke off: an exception, or a signal.
    BROKEN = "broken"
    #: It was ended, because its time was up.
    LATE = "late"


def watch(work: Callable[[], None], seconds: float | None) -> Ending:
    """Do ``work`` in a process of its own, for at most ``seconds`` (None for no limit)."""
    return oversee(begin(work), seconds)


def begin(work: Callable[[], None]) -> int:
    """Start to do ``work`` in a process of its own; return its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _do(work)
    return child


def oversee(child: int, seconds: float | None) -> Ending:
    """Wait for the end of what was begun, for at most ``seconds`` (None for no limit)."""
    try:
        with limited(seconds):
            status = _status_of(child)
    except TimedOut as late:
        print(f"the grading is ended after {late.seconds:.1f} s; here it is:", file=sys.stderr, flush=True)
        _end(child)
        return Ending.LATE
    if status == 0:
        return Ending.DONE
    print(f"the grading broke off with status {os.waitstatus_to_exitcode(status)}", file=sys.stderr)
    return Ending.BROKEN


def _status_of(child: int) -> int:
    """Wait for the end of a process; return its status. Orphans are waited for too, if they are this process's."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            return status


def _do(work: Callable[[], None]) -> None:
    """Do ``work`` and end this process."""
    status = 1
    try:
        os.setpgid(0, 0)
        faulthandler.register(TELL, file=2)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def forget() -> None:
    """Take ``TELL`` back in a student's process, which then has the signals that every program has."""
    faulthandler.unregister(TELL)


def _end(child: int) -> None:
    """Have the processes of a grading say where they are, and end them; students' processes are in other groups."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, TELL)
        time.sleep(TELLING)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
