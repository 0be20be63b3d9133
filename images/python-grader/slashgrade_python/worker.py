"""The student's process: executes the student's file and does what the tester asks of what the file defines."""

from __future__ import annotations

import builtins
import importlib
import io
import os
import pickle
import signal
import socket
import sys
import traceback
from typing import Any

from slashgrade_python import contents, execution, figures, texts, tracebacks
from slashgrade_python.link import Link, Pinning
from slashgrade_python.sides import Relay, StudentSide
from slashgrade_python.wire import Channel, Closed

#: The signal by which the supervisor tells this process that its time is up.
TIME_IS_UP = signal.SIGUSR1


class Worker:
    """What the tester can ask of this process (its object number 0)."""

    def __init__(self, side: StudentSide) -> None:
        self._side = side
        self._replaced: dict[tuple[str, str], Any] = {}

    def load(self, program: dict[str, Any], names: list[str]) -> Any:
        """Execute a program. Returns ``{"failure": …}`` or ``{"values": …}``."""
        given = dict(program["given"])
        if program["pickled"] is not None:
            given |= pickle.loads(program["pickled"])
        self._side.classes.learn(given)
        made = execution.Program(program["source"], program["filename"], given, program["seed"])
        namespace, failure = execution.execute(made, tracebacks.CURRENT)
        if failure is not None:
            parts = (failure.kind.value, failure.summary, failure.traceback, failure.line)
            return {"failure": parts, "values": {}}
        return Pinning({"failure": None, "values": {name: namespace.get(name) for name in names}})

    def environment(self, variables: dict[str, str], path: list[str], depth: int) -> None:
        """Take over what setup code may have changed: environment variables, import path, recursion limit."""
        os.environ.clear()
        os.environ.update(variables)
        sys.path[:] = path
        sys.setrecursionlimit(depth)

    def module(self, name: str) -> Any:
        """Import a module, for tests that import the student's files."""
        return importlib.import_module(name)

    def content(self, value: Any) -> Any:
        """Return what an object of a subclass of list, dict, float … holds, as a plain value."""
        return contents.content(value)

    def pictures(self) -> list[bytes]:
        """Return the open figures as PNG, if the current one shows something."""
        return figures.pictures()

    def replace(self, module: str, path: str, value: Any) -> None:
        """Set an attribute of a module or of a class in it, as tests did on their side."""
        target, name = self._target(module, path)
        self._replaced.setdefault((module, path), getattr(target, name, None))
        setattr(target, name, value)

    def restore(self, module: str, path: str) -> None:
        """Undo ``replace``."""
        target, name = self._target(module, path)
        setattr(target, name, self._replaced.pop((module, path)))

    def forbid(self, module: str, path: str) -> None:
        """Replace a function by one that says that its use is not allowed."""
        target, name = self._target(module, path)
        setattr(target, name, not_allowed)

    @staticmethod
    def _target(module: str, path: str) -> tuple[Any, str]:
        target: Any = importlib.import_module(module)
        *parents, name = path.split(".")
        for part in parents:
            target = getattr(target, part)
        return target, name


def not_allowed(*_args: Any, **_kwargs: Any) -> Any:
    """Refuse to be used."""
    raise RuntimeError(texts.NOT_ALLOWED)


class Questions(io.TextIOBase):
    """The student's standard input: empty, unless tests have arranged one."""

    def __init__(self, side: StudentSide) -> None:
        super().__init__()
        self._side = side
        self.link: Link | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        """Return the next line, or ""."""
        if self.link is None or not self._side.input_is_answered:
            return ""
        return str(self.link.root("read_line"))

    def read(self, size: int | None = -1) -> str:
        """Return everything that is left."""
        return "".join(iter(self.readline, ""))

    def ask(self, prompt: object = "", /) -> str:
        """Be ``input``: answered by the tests, or refused at once."""
        if self.link is None or not self._side.input_is_answered:
            return execution.refuse_input(prompt)
        return str(self.link.root("read_input", str(prompt)))


def serve(sock: socket.socket) -> None:
    """Serve the tester on ``sock`` until it hangs up; never returns."""
    relay = Relay()
    side = StudentSide(relay)
    channel = _OwnChannel(sock)
    link = Link(channel, side, Worker(side))
    relay.send = lambda text: channel.send(["print", text])
    stdin = Questions(side)
    stdin.link = link
    sys.stdin, sys.stdout = stdin, relay.text
    builtins.input = stdin.ask

    def interrupt(_signal: int, _frame: Any) -> None:
        if link.turns.busy:
            raise execution.Interrupted

    signal.signal(TIME_IS_UP, interrupt)
    try:
        link.serve()
    except Closed:
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


class _OwnChannel(Channel):
    """A channel that falls silent in child processes: a fork of the student's code must not answer for it."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._owner = os.getpid()

    def send(self, tree: Any, buffers: list[Any] | None = None) -> None:
        """Send, or end this process if it is a copy."""
        if os.getpid() != self._owner:
            os._exit(0)
        super().send(tree, buffers)

    def receive(self) -> tuple[Any, list[bytes]]:
        """Receive, or end this process if it is a copy."""
        if os.getpid() != self._owner:
            os._exit(0)
        return super().receive()
