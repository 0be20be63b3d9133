"""How a grading can go wrong, as exceptions: by the question's fault, or by the student's."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class QuestionFault(Exception):
    """The question's files are at fault (its cause says how): an ``Internal Grading Error``, not gradable."""


class UnreadableFile(QuestionFault):
    """The submitted file is missing or is not what it must be, or its figures cannot be drawn.

    For the platform that is a fault like the others; the text differs: a sentence for the student, what is wrong with
    which file, what to do.
    """


class RunFailed(BaseException):
    """The tests could not be run at all: there are no tests in the result, and ``succeeded`` is false.

    A BaseException, so that unittest does not take it for one test's error. Its cause says what happened.
    """

    def __init__(self, reason: str, *, gradable: bool = False) -> None:
        super().__init__(reason)
        #: A sentence for staff.
        self.reason = reason
        #: False for faults of the question; True where the student's code is the reason, so that it uses an attempt.
        self.gradable = gradable


class Vanished(RunFailed):
    """The student's process ended by itself while it was asked something."""

    def __init__(self, how: str) -> None:
        super().__init__(how, gradable=True)
        #: How it ended, for staff: ``exit status 3``, ``signal SIGKILL``.
        self.how = how


class Kind(enum.Enum):
    """What kept the student's file from being executed to its end."""

    #: SyntaxError in the widest sense: also indentation, NUL characters, a byte order mark. Not gradable.
    SYNTAX = "syntax"
    #: A name that is not defined. Not gradable.
    NAME = "name"
    #: ``input()``: nobody answers. Not gradable.
    INPUT = "input"
    #: The time for loading was used up. Not gradable.
    TIMEOUT = "timeout"
    #: Any other Exception: gradable, with no points.
    EXCEPTION = "exception"
    #: SystemExit, KeyboardInterrupt, or what else is no Exception: the whole run fails and an attempt is used.
    EXIT = "exit"
    #: The student's process ended (os._exit, a signal, out of memory): as EXIT, with another message.
    VANISHED = "vanished"


#: The kinds that do not use an attempt.
UNGRADABLE = frozenset({Kind.SYNTAX, Kind.NAME, Kind.INPUT, Kind.TIMEOUT})


@dataclass(frozen=True)
class Failure:
    """Why the student's file did not load."""

    kind: Kind
    #: One line: what happened, e.g. the exception's message; for VANISHED how the process ended.
    summary: str
    #: The traceback for the student.
    traceback: str
    #: 1-based line of the student's file, or 0 if not known.
    line: int = 0


class StudentFailed(Exception):
    """The student's file did not load."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.summary)
        self.failure = failure
