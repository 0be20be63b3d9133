"""Time limits inside a grading, in seconds of the wall clock.

``Test.timeout`` limits every test, and the loading of the student's file. Where the runner says how long the job may
take (``SLASHGRADE_TIMEOUT_SECONDS``), a test also may use only a part of what is left of it, so that a test that hangs
leaves time for the others and for writing the result.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

VARIABLE = "SLASHGRADE_TIMEOUT_SECONDS"

#: What is kept back to write the result: a tenth of the limit, between half a second and three.
RESERVE = (0.5, 0.1, 3.0)
#: The part of the time left that one test may use while others are to come. Generous, because a slow test that passes
#: must not fail here; a hanging one still leaves a quarter for the rest.
SHARE = 0.75
#: The part of the reserve that may pass before the whole grading is ended from outside (``guard.py``). What follows is
#: a kill and the writing of a short result; an interrupted test may need the time before.
LAST_CALL = 0.7
#: Below this many seconds nothing is started any more.
LEAST = 0.05


class TimedOut(BaseException):
    """The running test, or the loading of the student's file, used up its time.

    A BaseException, so that neither ``except Exception`` in a test nor ``Feedback.call_user`` takes it for the
    student's exception.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        #: Traceback of where the student's code was, or "".
        self.where = ""

    def __str__(self) -> str:
        text = f"Your code did not finish within the time limit of {shown(self.seconds)}."
        return f"{text}\nWhen its time was up, it was here:\n\n{self.where}" if self.where else text


def shown(seconds: float) -> str:
    """Return a length of time for people: ``1 second``, ``2.5 seconds``."""
    number = f"{seconds:.1f}".rstrip("0").rstrip(".") if seconds >= 0.1 else f"{seconds:.2f}"
    return f"{number} second" if number == "1" else f"{number} seconds"


class Limits:
    """What is left of the job's time."""

    def __init__(self, job: float | None = None, started: float | None = None) -> None:
        """job: the job's whole limit, None for none. started: ``time.monotonic()`` when the job started."""
        self._end: float | None = None
        self._reserve = 0.0
        if job is not None:
            least, part, most = RESERVE
            begun = time.monotonic() if started is None else started
            self._reserve = min(max(least, part * job), most)
            self._end = begun + job - self._reserve

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, started: float | None = None) -> Limits:
        """Return the limits that the runner gave; none if it gave none or no positive number."""
        try:
            job = float(environ.get(VARIABLE, ""))
        except ValueError:
            return cls()
        return cls(job, started) if job > 0 else cls()

    def left(self) -> float | None:
        """Return the seconds left for running code, or None for no limit."""
        return None if self._end is None else self._end - time.monotonic()

    def last_call(self) -> float | None:
        """Return the seconds after which the grading, if it still runs, is to be ended; None for never."""
        left = self.left()
        return None if left is None else max(left + self._reserve * LAST_CALL, 0.0)

    def share(self, own: float | None, more: bool) -> float | None:
        """Return the seconds that the next piece of work may take, None for any number.

        own: its own limit (``Test.timeout``). more: whether other work comes after it.
        """
        left = self.left()
        if left is None:
            return own
        part = max(left * SHARE if more else left, 0.0)
        return part if own is None else min(own, part)


class Clock:
    """What a block with a limit can ask of it."""

    def __init__(self) -> None:
        #: The exception that told the block that its time was up, as long as the block goes on all the same.
        self.late: TimedOut | None = None


@contextlib.contextmanager
def limited(seconds: float | None) -> Iterator[Clock]:
    """Raise TimedOut in the block, once, when it takes longer than ``seconds``; None for no limit. Main thread only."""
    clock = Clock()
    if seconds is None:
        yield clock
        return

    def expire(_signal: int, _frame: Any) -> None:
        clock.late = TimedOut(seconds)
        raise clock.late

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, LEAST))
    try:
        yield clock
    finally:
        clock.late = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def since_start() -> float:
    """Return ``time.monotonic()`` at this process's start: the interpreter's own start counts too."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        with open("/proc/uptime", "rb") as file:
            age = float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        age = 0.0
    return time.monotonic() - max(age, 0.0)
