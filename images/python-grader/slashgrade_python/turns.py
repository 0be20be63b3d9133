"""Whose turn it is to speak on a link, where several threads of a process do.

What is asked is answered before what was asked earlier, on both sides: requests and calls that serve them lie on one
another. So a thread may ask only over a call that is being served, and a call is answered when nothing is left over it.
"""

from __future__ import annotations

import _thread
import contextlib
from collections.abc import Callable, Iterator


class _Entry:
    def __init__(self, is_served: bool) -> None:
        self.is_served = is_served
        self.thread = _thread.get_ident()


class Turns:
    """The requests of this side that wait for their answer, and the calls that it serves, the latest last.

    It does without the module ``threading``, which most gradings never load.
    """

    def __init__(self, begins: bool) -> None:
        """begins: whether this side may ask when nothing is going on."""
        self._begins = begins
        self._stack: list[_Entry] = []
        self._mutex = _thread.allocate_lock()
        self._waiting: list[_thread.LockType] = []

    @property
    def busy(self) -> bool:
        """Whether something is going on: a call is served, or a request waits."""
        return bool(self._stack)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Ask in the block, once that is possible; no other thread sends or receives meanwhile."""
        entry = _Entry(is_served=False)
        self._wait(self._may_ask, entry)
        try:
            yield
        finally:
            self._remove(entry)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve a call in the block, in which other threads may ask; its end waits for theirs."""
        entry = _Entry(is_served=True)
        self._wait(lambda: True, entry)
        try:
            yield
            self._wait(lambda: self._stack[-1] is entry, None)
        finally:
            self._remove(entry)

    def _may_ask(self) -> bool:
        """Return whether this thread may ask: also while it makes or reads a message, which may ask for attributes."""
        if not self._stack:
            return self._begins
        return self._stack[-1].is_served or self._stack[-1].thread == _thread.get_ident()

    def _wait(self, possible: Callable[[], bool], entry: _Entry | None) -> None:
        """Wait until something is possible; put ``entry`` on the stack then."""
        while True:
            with self._mutex:
                if possible():
                    if entry is not None:
                        self._stack.append(entry)
                        self._wake()
                    return
                gate = _thread.allocate_lock()
                gate.acquire()
                self._waiting.append(gate)
            gate.acquire()

    def _remove(self, entry: _Entry) -> None:
        with self._mutex:
            self._stack.remove(entry)
            self._wake()

    def _wake(self) -> None:
        for gate in self._waiting:
            gate.release()
        self._waiting.clear()
