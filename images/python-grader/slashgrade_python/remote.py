"""The tester's view of a student's process: started when needed, asked, interrupted, replaced."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from slashgrade_python import execution, texts, tracebacks
from slashgrade_python.control import Control
from slashgrade_python.limits import Clock, TimedOut, limited
from slashgrade_python.link import Link
from slashgrade_python.outcomes import Failure, Kind, Vanished
from slashgrade_python.sides import Host, TesterSide
from slashgrade_python.wire import Channel, Closed

#: Seconds that an interrupted process has to say where it was.
GRACE = 0.5


@dataclass
class Loaded:
    """What came of executing the student's file."""

    #: What it printed.
    output: str
    #: The values of the names that were asked for; None for those that it does not define.
    values: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None


class RemoteStudent:
    """A student's process."""

    def __init__(self, control: Control, folder: str, secret_files: frozenset[str]) -> None:
        """folder: where programs run. secret_files: sources whose functions never leave the tester."""
        self._control = control
        self._folder = folder
        self._secret_files = secret_files
        self._pid = 0
        self._link: GuardedLink | None = None
        self._host = Host()
        self._side = TesterSide(self._host, secret_files)
        self._rules: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._clock = Clock()

    @property
    def alive(self) -> bool:
        """Whether there is a process that can be asked."""
        return self._link is not None

    @contextlib.contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Limit the block as ``limited`` does.

        Once its time is up nothing more is asked of the process, even where a test goes on: ``except:``, ``subTest``
        and NumPy catch what tells it to stop.
        """
        try:
            with limited(seconds) as self._clock:
                yield
        finally:
            if self._link is not None and self._link.turns.busy:  # a thread of the tests still asks
                self.end(self._link)

    def stop_if_late(self) -> None:
        """Raise once more what told the running block that its time is up, if it is."""
        if self._clock.late is not None:
            raise self._clock.late

    def load(self, program: execution.Program, names: list[str]) -> Loaded:
        """Execute ``program`` there."""
        out = execution.Capture()
        with contextlib.redirect_stdout(out):
            try:
                answer = self._load(program, names)
            except Vanished as error:
                return Loaded(out.text(), failure=Failure(Kind.VANISHED, error.how, ""))
            except TimedOut as late:
                return Loaded(out.text(), failure=timed_out(late))
            except BaseException as error:  # its values cannot be passed on, or it hinders its own process
                if not hasattr(error, tracebacks.REMOTE):
                    raise
                return Loaded(out.text(), failure=raised(error))
        if answer["failure"] is not None:
            kind, summary, trace, line = answer["failure"]
            return Loaded(out.text(), failure=Failure(Kind(kind), str(summary), str(trace), int(line)))
        return Loaded(out.text(), dict(answer["values"]))

    def _load(self, program: execution.Program, names: list[str]) -> Any:
        self._ask("environment", *self._environment())
        for rule in self._rules.values():
            self._ask(*rule)
        pickled, given = _pickled(program.given)
        self._side.classes.learn(program.given)
        parts = {"source": program.source, "filename": program.filename, "seed": program.seed}
        return self._ask("load", parts | {"given": given, "pickled": pickled}, list(names))

    def pyplot(self) -> Any:
        """Return the student's matplotlib.pyplot."""
        return self.module("matplotlib.pyplot")

    def module(self, name: str) -> Any:
        """Import a module there and return a stand-in for it."""
        return self._ask("module", name)

    def pictures(self) -> list[bytes]:
        """Return the open figures as PNG, if the current one shows something."""
        found = self._ask("pictures") if self.alive else []
        return [picture for picture in found if type(picture) is bytes]

    def replace(self, module: str, path: str, value: Any) -> None:
        """Set an attribute of a module there, now and in every process started later."""
        self._rule(module, path, ("replace", module, path, value))

    def forbid(self, module: str, path: str) -> None:
        """Make a function there refuse to be used, now and in every process started later."""
        self._rule(module, path, ("forbid", module, path))

    def restore(self, module: str, path: str) -> None:
        """Undo ``replace``."""
        self._rules.pop((module, path), None)
        if self.alive:
            self._ask("restore", module, path)

    def _rule(self, module: str, path: str, call: tuple[Any, ...]) -> None:
        self._rules[module, path] = call
        if self.alive:
            self._ask(*call)

    def _ask(self, name: str, *arguments: Any) -> Any:
        """Call a method of the process's Worker."""
        return self._started().root(name, *arguments)

    def _environment(self) -> tuple[dict[str, str], list[str], int]:
        return dict(os.environ), [self._folder, *sys.path], sys.getrecursionlimit()

    def _started(self) -> GuardedLink:
        if self._link is None:
            sock, self._pid = self._control.spawn()
            self._side = TesterSide(self._host, self._secret_files)
            self._link = GuardedLink(Channel(sock), self._side, self._host, self)
            self._link.root("environment", *self._environment())
        return self._link

    def interrupt(self, late: TimedOut, link: GuardedLink) -> None:
        """Stop what the process does; ``late`` learns where that was, if the process can tell."""
        self._control.interrupt(self._pid)
        try:
            with limited(GRACE):
                said = link.drain()
        except (TimedOut, Closed, IndexError, TypeError, KeyError, ValueError, AttributeError, RecursionError):
            self.end(link)
            return
        late.where = said.rpartition("\n")[0].rpartition("\n")[0]  # without the name of the exception

    def end(self, link: Link) -> str:
        """End the process at the other end of ``link``; return how it ended."""
        if self._link is not link:
            return "ended before"
        link.channel.close()
        self._link = None
        return self._control.kill(self._pid)


class GuardedLink(Link):
    """A link whose requests can run out of time, and whose other side can vanish."""

    def __init__(self, channel: Channel, side: TesterSide, root: Any, student: RemoteStudent) -> None:
        super().__init__(channel, side, root)
        self._student = student
        self._depth = 0
        self._late_inside = False

    def request(self, operation: str, number: int, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """Ask; raises TimedOut with the place where the student's code was, or Vanished."""
        self._student.stop_if_late()
        if self.channel.closed:
            raise RuntimeError("this object belongs to a run of the student's code that was stopped")
        self._depth += 1
        try:
            return super().request(operation, number, args, kwargs)
        except TimedOut as late:
            self._stop(late)
            raise
        except Closed as error:
            raise Vanished(self._student.end(self)) from error
        finally:
            self._depth -= 1

    def _stop(self, late: TimedOut) -> None:
        """Stop the student's code, which is still busy with a request that was given up."""
        if self._depth > 1:
            self._late_inside = True  # a call within a callback: the conversation cannot be picked up again
        elif self._late_inside:
            self._student.end(self)
        else:
            self._student.interrupt(late, self)


def timed_out(late: TimedOut) -> Failure:
    """Return the failure of a file whose time was up."""
    return Failure(Kind.TIMEOUT, str(late), late.where)


def raised(error: BaseException) -> Failure:
    """Return the failure of a file that raised ``error`` in the student's process."""
    kind = Kind.EXCEPTION if isinstance(error, Exception) else Kind.EXIT
    return Failure(kind, f"{type(error).__name__}: {error}", tracebacks.for_student(error, texts.CLEARER))


def _pickled(given: dict[str, Any]) -> tuple[bytes | None, dict[str, Any]]:
    """Return the values for the student as one pickle, and those that cannot be pickled: the link names them."""
    if not given:
        return None, {}
    for dumps in (pickle.dumps, _cloudpickle):
        with contextlib.suppress(Exception):
            return dumps(given), {}
    good: dict[str, Any] = {}
    for name, value in given.items():
        with contextlib.suppress(Exception):
            _cloudpickle(value)
            good[name] = value
    return _cloudpickle(good), {name: value for name, value in given.items() if name not in good}


def _cloudpickle(value: Any) -> bytes:
    import cloudpickle

    data: bytes = cloudpickle.dumps(value)
    return data
