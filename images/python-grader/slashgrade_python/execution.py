"""Executing the student's file: in the student's process, with what it prints caught and its failures named."""

from __future__ import annotations

import io
import linecache
from dataclasses import dataclass, field
from typing import Any

from slashgrade_python import seeds, texts, tracebacks
from slashgrade_python.outcomes import Failure, Kind

#: The most characters of output that are kept. A result may have 1 MiB altogether, and JSON may need six bytes for a
#: character, so this leaves most of it for tests and images.
OUTPUT_LIMIT = 100_000


class Interrupted(BaseException):
    """Raised in the student's code when its time is up: shows where it was."""


class NoInput(EOFError):
    """What ``input()`` raises: there is nobody to answer."""


NO_INPUT = "input() was called, but while code is graded nobody is there to answer. Remove the call to input()."


def refuse_input(prompt: object = "", /) -> str:
    """Stand in for ``input``: fail at once instead of waiting for the end of the job."""
    raise NoInput(NO_INPUT)


class Capture(io.TextIOBase):
    """A text stream that keeps the first ``limit`` characters and counts the rest."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, limit: int = OUTPUT_LIMIT) -> None:
        super().__init__()
        self._limit = limit
        self._kept: list[str] = []
        self._size = 0
        self._lost = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Keep ``text`` as far as there is room. Returns its length, as every stream does."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        kept = text[: self._limit - self._size]
        if kept:
            self._kept.append(kept)
            self._size += len(kept)
        self._lost += len(text) - len(kept)
        return len(text)

    def text(self) -> str:
        """Return what was kept, with a note if something was cut off."""
        note = f"\n[Output cut here: {self._lost:,} more characters were printed.]\n" if self._lost else ""
        return "".join(self._kept) + note


@dataclass(frozen=True)
class Program:
    """A student's file, ready to be executed."""

    source: str
    #: The name that tracebacks and ``__code__`` show.
    filename: str
    #: Names and values that the question gives to the code.
    given: dict[str, Any] = field(default_factory=dict)
    #: Seed for the generators of random, numpy.random and Faker.
    seed: int = 0


def execute(program: Program, wording: texts.Texts) -> tuple[dict[str, Any], Failure | None]:
    """Execute ``program``. Returns its namespace, and why it failed if it did."""
    namespace = dict(program.given)
    linecache.cache[program.filename] = (
        len(program.source),
        None,
        program.source.splitlines(keepends=True),
        program.filename,
    )
    seeds.sow(program.seed)
    try:
        code = compile(program.source, program.filename, "exec", dont_inherit=True)
        exec(code, namespace)
    except Interrupted:
        raise
    except BaseException as error:
        return namespace, failure(error, program, wording)
    return namespace, None


def failure(error: BaseException, program: Program, wording: texts.Texts) -> Failure:
    """Name what went wrong."""
    return Failure(
        kind=_kind(error),
        summary=_summary(error),
        traceback=tracebacks.for_student(error, wording),
        line=tracebacks.line_in(error, program.filename),
    )


def _kind(error: BaseException) -> Kind:
    if not isinstance(error, Exception):
        return Kind.EXIT
    if isinstance(error, NoInput):
        return Kind.INPUT
    if isinstance(error, NameError):
        return Kind.NAME
    # compile() of Python 3.11 raises ValueError for a NUL character, later ones SyntaxError.
    if isinstance(error, SyntaxError) or (isinstance(error, ValueError) and "null bytes" in str(error)):
        return Kind.SYNTAX
    return Kind.EXCEPTION


def _summary(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a student's __str__ may do anything
        return type(error).__name__
