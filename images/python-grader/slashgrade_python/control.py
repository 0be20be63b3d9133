"""What the tester may ask of the supervisor: a student process, to interrupt it, to end it; and the result, last."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from slashgrade_python import worker
from slashgrade_python.limits import TimedOut, limited
from slashgrade_python.standby import Standby, at_depth, with_lowest_number
from slashgrade_python.wire import Channel, Closed

#: Seconds that a killed process has to end. One that is traced by another one ends for us when that has ended.
DYING = 0.3
#: Seconds that a process has to end by itself, which has nothing to do any more.
ENDING = 1.0
#: Seconds in which a process must be started. Other processes may have used up all numbers, and take time to end.
STARTING = 3.0
#: The most student processes of one grading: one, and another after each test that hung.
PROCESSES = 500


class Control:
    """The tester's end."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = Channel(sock)

    def spawn(self) -> tuple[socket.socket, int]:
        """Start a student's process; return the socket to it and its process number."""
        with _unhurried():
            pid = self._ask("spawn", 0)
            # Asked for on its own: a channel reads ahead, and would lose a descriptor that followed the answer.
            self._channel.send(["take", pid])
            _, descriptors, _, _ = socket.recv_fds(self._channel.socket, 1, 1)
        return socket.socket(fileno=descriptors[0]), int(pid)

    def interrupt(self, pid: int) -> None:
        """Tell a student's process that its time is up."""
        self._ask("interrupt", pid)

    def kill(self, pid: int) -> str:
        """End a student's process; return how it ended or had ended: ``exit status 3``, ``signal SIGKILL``."""
        return str(self._ask("kill", pid))

    def result(self, text: str) -> None:
        """Hand over the content of results.json."""
        self._channel.send(["result"], [text.encode("utf-8", "replace")])

    def _ask(self, what: str, pid: int) -> Any:
        with _unhurried():
            self._channel.send([what, pid])
            answer, _ = self._channel.receive()
        return answer[0]


@contextlib.contextmanager
def _unhurried() -> Iterator[None]:
    """Let no time limit end the block: an answer that nobody waited for would be taken for the next question's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Attendant:
    """The supervisor's end: does what the tester asks until the result comes."""

    def __init__(
        self,
        sock: socket.socket,
        become_student: Callable[[], None],
        first: Standby | None = None,
        end_strays: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin.

        become_student: gives a process the student's rights. first: a student's process that has begun.
        end_strays: ends all processes of the student's.
        """
        self._channel = Channel(sock)
        self._become_student = become_student
        self._end_strays = end_strays
        self._has_ended_one = False
        self._first = first
        self._alive: set[int] = set()
        #: The tester's end of the socket to a process that it has not taken yet.
        self._untaken: dict[int, socket.socket] = {}

    def attend(self) -> bytes:
        """Serve the tester; return its result, or nothing if it ended without one."""
        result = b""
        try:
            while not result:
                request, buffers = self._channel.receive()
                if request[0] == "result":
                    result = buffers[0]
                else:
                    self._serve(*request)
        except Closed:
            pass
        self._take_first()
        for pid in list(self._alive):
            self._kill(pid)
        return result

    def _serve(self, what: str, pid: int) -> None:
        if what == "spawn":
            self._spawn()
        elif what == "take":
            with self._untaken.pop(pid) as theirs:
                socket.send_fds(self._channel.socket, [b"\0"], [theirs.fileno()])
        elif what == "interrupt":
            if pid in self._alive:
                os.kill(pid, worker.TIME_IS_UP)
            self._channel.send([""])
        else:
            self._channel.send([self._kill(pid)])

    def _spawn(self) -> None:
        if len(self._alive) >= PROCESSES:
            raise Closed("too many processes")
        if self._has_ended_one:
            self._end_strays()
        pid, ours = self._take_first() or self._fork()
        self._alive.add(pid)
        self._untaken[pid] = ours
        self._channel.send([pid])

    def _take_first(self) -> tuple[int, socket.socket] | None:
        """Return the process that has begun before it was asked for, once; None if there is none, or no more."""
        first, self._first = self._first, None
        if first is None or not first.is_there():
            return None
        self._alive.add(first.pid)
        return first.pid, first.socket

    def _fork(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = self._forked()
        if pid == 0:
            ours.close()
            self._channel.close()
            be_student(theirs, self._become_student)
        theirs.close()
        return pid, ours

    def _forked(self) -> int:
        """Fork, as ``os.fork``, once there is room for another process."""
        late = time.monotonic() + STARTING
        while True:
            try:
                return os.fork()
            except BlockingIOError:
                if time.monotonic() > late:
                    raise
            self._end_strays()
            time.sleep(0.01)

    def _kill(self, pid: int) -> str:
        if pid not in self._alive:
            return "unknown"
        self._alive.discard(pid)
        self._has_ended_one = True
        ended, found = os.waitpid(pid, os.WNOHANG)
        status = found if ended else self._end(pid)
        if status is None:
            return f"signal {signal.SIGKILL.name}"
        code = os.waitstatus_to_exitcode(status)
        return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def _end(self, pid: int) -> int | None:
        """Kill a process; return its status, or None if it is traced by one that does not end either."""
        os.kill(pid, signal.SIGKILL)
        status = _ended(pid)
        if status is None:
            self._end_strays()
            status = _ended(pid)
        return status


def end(pid: int) -> None:
    """Let a process of this one end by itself within ENDING seconds, and end it if it does not."""
    if _ended(pid, ENDING) is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            _ended(pid)


def _ended(pid: int, seconds: float = DYING) -> int | None:
    """Return the status with which a process ends within ``seconds``; None if it does not."""
    try:
        with limited(seconds):
            return os.waitpid(pid, 0)[1]
    except (TimedOut, ChildProcessError):  # the latter where the time was up just after it had ended
        return None


def be_student(sock: socket.socket, become_student: Callable[[], None]) -> None:
    """Be a student's process until it ends."""
    try:
        os.setsid()
        become_student()
        at_depth(lambda: worker.serve(with_lowest_number(sock)))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
