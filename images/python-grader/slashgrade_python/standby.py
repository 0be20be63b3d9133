"""Processes of a grading that are forked before their job is there, and begin when they are told what it is.

A fork of all that a warm-up has loaded takes as long as a small job. So the tester and the first student's process are
forked while nobody waits. They know nothing then; what they are told, an order, is what a fork of the supervisor would
know. One that is gone when its job comes is forked after all.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

#: What an order says, by name; plain JSON.
Order = dict[str, Any]
#: The most seconds that a rehearsal may take: one takes some tenths, but ten start at once on a busy machine.
REHEARSAL = 20.0
#: Frames below a program's own, whichever way its process came about: how deep it can recurse shows that.
DEPTH = 32


class Standby:
    """One such process."""

    def __init__(
        self, rehearse: Callable[[], object], work: Callable[[socket.socket, Order], object], not_for_it: Iterable[int]
    ) -> None:
        """Fork it.

        rehearse: what it does first, while nobody waits.
        work: what it does with its end of ``socket`` and the order, before it ends.
        not_for_it: descriptors that it must not keep open.
        """
        self.socket, theirs = socket.socketpair()
        reading, self._orders = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (self.socket.detach(), self._orders, *not_for_it):
                os.close(descriptor)
            _do(rehearse, theirs, reading, work)
        os.close(reading)
        theirs.close()

    @property
    def descriptors(self) -> tuple[int, int]:
        """The ends of the starting side: other processes must not keep them open."""
        return self.socket.fileno(), self._orders

    def is_ready(self, seconds: float) -> bool:
        """Wait for the end of its rehearsal; return whether it ended well within ``seconds``."""
        self.socket.settimeout(seconds)
        try:
            return bool(self.socket.recv(1))
        except OSError:
            return False
        finally:
            self.socket.settimeout(None)

    def begin(self, order: Order) -> bool:
        """Give the order. Returns False, and forgets the process, if it is gone or has said something unasked."""
        try:
            if select.select([self.socket], [], [], 0)[0]:
                raise BrokenPipeError
            os.kill(self.pid, signal.SIGCONT)  # one that somebody has stopped would keep the job waiting
            with open(self._orders, "wb") as orders:
                orders.write(json.dumps(order).encode())
        except OSError:
            self.dismiss()
            return False
        return True

    def is_there(self) -> bool:
        """Return whether it has not ended. One that has is forgotten."""
        if os.waitpid(self.pid, os.WNOHANG)[0]:
            self.socket.close()
            return False
        return True

    def dismiss(self) -> None:
        """End it: there is no job for it, or it is not fit for one."""
        with contextlib.suppress(OSError):  # closed when an order could not be given
            os.close(self._orders)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.socket.close()


def _do(
    rehearse: Callable[[], object], sock: socket.socket, reading: int, work: Callable[[socket.socket, Order], object]
) -> None:
    """Be the process: rehearse, say so, wait for the order, carry it out, and end."""

    def begin() -> None:
        rehearse()
        sock.send(b"\n")
        with open(reading, "rb") as orders:
            text = orders.read()
        if text:
            work(sock, json.loads(text))

    be(begin)


def be(work: Callable[[], object]) -> NoReturn:
    """Be a forked process: do ``work``, and end."""
    try:
        work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@dataclass(frozen=True)
class Pair:
    """A tester and a student's process that stand by."""

    student: Standby
    tester: Standby
    #: The libraries that both have loaded.
    loaded: Container[str]

    def is_ready(self) -> bool:
        """Wait for the rehearsal of both; return whether it ended well."""
        return all(each.is_ready(REHEARSAL) for each in (self.tester, self.student))

    def serves(self, libraries: Iterable[str]) -> bool:
        """Return whether ``libraries`` are all loaded: each of the two would have to load the others for itself."""
        return all(library in self.loaded for library in libraries)

    def dismiss(self) -> None:
        """End both."""
        self.tester.dismiss()
        self.student.dismiss()


def with_lowest_number(sock: socket.socket) -> socket.socket:
    """Return ``sock`` as the lowest descriptor that is free: programs see the same ones however it came about."""
    lowest = sock.dup()
    sock.close()
    return lowest


def at_depth(work: Callable[[], None]) -> None:
    """Do ``work`` with DEPTH frames below it."""
    frame: FrameType | None = sys._getframe()
    depth = 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    _deeper(DEPTH - depth, work)


def _deeper(frames: int, work: Callable[[], None]) -> None:
    if frames > 0:
        _deeper(frames - 1, work)
    else:
        work()
