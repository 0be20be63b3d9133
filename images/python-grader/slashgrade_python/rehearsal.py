"""A small grading of nothing, by processes that stand by: what every grading does is then done for the second time.

The first time costs more: a forked process copies each page of memory when it first writes to it, Python makes code
faster that has run, Matplotlib keeps fonts. What a program could see of it is undone: modules, paths, sources of
tracebacks, generators' seeds.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import linecache
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from slashgrade_python import worker
from slashgrade_python.layout import SECRET, Layout
from slashgrade_python.limits import Limits
from slashgrade_python.link import Link
from slashgrade_python.question import Question
from slashgrade_python.shelf import Shelf
from slashgrade_python.sides import Relay, StudentSide
from slashgrade_python.wire import Channel, Closed

#: A folder in which nothing can be read or written.
NOWHERE = Path(os.devnull)
SHIMS = str(Path(__file__).resolve().parent.parent / "shims")

STUDENT = """
from matplotlib.figure import Figure

x = [1.0]
axes = Figure().subplots()
axes.plot([0, 1], [0, 1])
axes.set_title("0123456789.-")


def f(a):
    print(a)
    return a
"""
TEST = """
from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    student_code_file = "/dev/null"

    @points(1)
    @name("x")
    def test_0(self):
        Feedback.set_score(Feedback.check_scalar("x", self.ref.x[0], self.st.x[0]))
        Feedback.call_user(self.st.f, 2.0)

    @points(1)
    @name("plot")
    def test_1(self):
        Feedback.set_score(Feedback.check_plot("axes", self.ref.axes, self.st.axes))
"""


def as_student(sock: socket.socket, shelf: Shelf) -> None:
    """Be a student's process until the tester hangs up, and draw a plot."""
    relay = Relay()
    side = StudentSide(relay)
    with sock, _unseen(shelf), contextlib.redirect_stdout(relay.text), contextlib.suppress(Closed):
        Link(Channel(sock), side, worker.Worker(side)).serve()
    with _unseen(shelf):
        draw(shelf.module)


def as_tester(sock: socket.socket, shelf: Shelf) -> None:
    """Be the tester of one grading.

    Raises RuntimeError if the grading has another result than it must have.
    """
    sources = dict.fromkeys(SECRET, "") | {"test.py": TEST, "leading_code.py": STUDENT, "ans.py": STUDENT}
    data = {"params": {"names_from_user": [{"name": name} for name in ("x", "f", "axes")]}}
    question = Question(sources=sources, data=data, folder=NOWHERE)
    control: Any = _Control(sock)
    log = io.StringIO()
    with sock, _unseen(shelf), contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        tester: Any = importlib.import_module("slashgrade_python.tester")
        book = tester.Feedback.book
        result = tester.grade(question, Layout(NOWHERE), Limits(60.0), control)
        tester.Feedback.book = book
    if result.get("score") != 1:
        raise RuntimeError(f"the rehearsal failed: {result}\n{log.getvalue()}")


def plot(module: Callable[[str], Any]) -> Any:
    """Return a figure with a plot. module: returns a module of a name."""
    figure = module("matplotlib.figure").Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1])
    axes.set_title("0123456789.-")
    return figure


def draw(module: Callable[[str], Any]) -> None:
    """Draw a plot. What that reads of fonts stays in memory, without an open file that a program could see."""
    canvas = module("matplotlib.backends.backend_agg").FigureCanvasAgg(plot(module))
    with _files_in_memory():
        canvas.print_png(io.BytesIO())


@contextlib.contextmanager
def _files_in_memory() -> Iterator[None]:
    """Read a file whole that ``io.open`` opens for bytes, as Matplotlib opens fonts, and close it at once."""
    usual: Any = io.open

    def opened(file: Any, mode: str = "r", *args: Any, **keywords: Any) -> Any:
        found = usual(file, mode, *args, **keywords)
        if mode != "rb":
            return found
        with found:
            return _File(file, found.read())

    io.open = opened
    try:
        yield
    finally:
        io.open = usual


class _File(io.BytesIO):
    """A file's content under its name."""

    def __init__(self, name: Any, content: bytes) -> None:
        super().__init__(content)
        self.name = name


class _Control:
    """Stands in for the supervisor: there is one student's process, and it is there."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def spawn(self) -> tuple[socket.socket, int]:
        """Return it."""
        return self._socket, 0

    def kill(self, _pid: int) -> str:
        """Do nothing."""
        return ""


@contextlib.contextmanager
def _unseen(shelf: Shelf) -> Iterator[None]:
    """Undo at the end of the block what a grading changes of what a program can see."""
    finders, path, environment = list(sys.meta_path), list(sys.path), dict(os.environ)
    importers, lines = dict(sys.path_importer_cache), dict(linecache.cache)
    try:
        with shelf.borrowed():
            sys.path.append(SHIMS)
            yield
    finally:
        sys.meta_path[:], sys.path[:] = finders, path
        for known, before in (
            (os.environ, environment),
            (sys.path_importer_cache, importers),
            (linecache.cache, lines),
        ):
            known.clear()
            known.update(before)  # type: ignore[arg-type]
        random.seed()
        gc.collect()
