"""Tracebacks for students: their own lines, without the grader's.

In the clear wording a traceback has the frames of the student's code and of the libraries under it with their source,
and of the question's files only file, line and function: test code is not for students to read. The original wording
keeps everything.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable

from slashgrade_python import texts
from slashgrade_python.texts import Texts

#: Directories whose frames are the machinery's: unittest, and this package with the modules beside it.
_UNITTEST = os.path.join(os.path.dirname(os.path.abspath(traceback.__file__)), "unittest", "")
_GRADER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")

#: Attribute under which an exception that crossed from the student's process carries its traceback there.
REMOTE = "__student_traceback__"

#: The wording of this process's environment.
CURRENT = texts.from_environment()

#: Files of the question, by the names under which they are compiled.
QUESTION_FILES = frozenset({"test.py", "ans.py", "setup_code.py"})


def for_student(error: BaseException, wording: Texts) -> str:
    """Return the traceback of ``error`` that the student sees; ends with a line end."""
    remote = getattr(error, REMOTE, "")
    if remote:
        return str(remote)
    if wording.original:
        return complete(error)
    # Where nothing but the machinery's frames is left to leave out, their source is not read.
    limit = None if _has_frames(error) else 0
    return "".join(_clean(traceback.TracebackException.from_exception(error, limit=limit)).format())


def complete(error: BaseException) -> str:
    """Return the whole traceback, grader and tests included, for the log and the original wording."""
    text = "".join(traceback.format_exception(error))
    remote = getattr(error, REMOTE, "")
    return f"{remote}\nThe same, seen by the tests:\n\n{text}" if remote else text


def line_in(error: BaseException, filename: str) -> int:
    """Return the 1-based line of ``filename`` where ``error`` was raised, or 0."""
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno or 0
    found = 0
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == filename:
            found = line
    return found


def _has_frames(error: BaseException) -> bool:
    """Return whether a frame is shown to the student of ``error`` or of what it was caused by."""
    if error.__cause__ is not None or error.__context__ is not None or isinstance(error, BaseExceptionGroup):
        return True
    return any(not _is_machinery(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__))


def _is_machinery(filename: str) -> bool:
    return filename.startswith((_GRADER, _UNITTEST, "<frozen importlib"))


def _clean(report: traceback.TracebackException) -> traceback.TracebackException:
    """Drop the machinery's frames and the question's source from ``report`` and from all it was caused by."""
    seen: set[int] = set()
    waiting = [report]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(getattr(item, "filename", None), str):  # of a SyntaxError: shown in a line of its own
            item.filename = _short(item.filename)
        item.stack = traceback.StackSummary.from_list(list(_frames(item.stack)))
        linked = [item.__cause__, item.__context__, *(getattr(item, "exceptions", None) or ())]
        waiting.extend(other for other in linked if other is not None)
    return report


def _frames(stack: Iterable[traceback.FrameSummary]) -> Iterable[traceback.FrameSummary]:
    for frame in stack:
        if _is_machinery(frame.filename):
            continue
        short = _short(frame.filename)
        if short in QUESTION_FILES and short != frame.filename:
            yield traceback.FrameSummary(short, frame.lineno, frame.name, lookup_line=False, line="")
            continue
        _ = frame.line  # read the source before the file name is shortened
        frame.filename = short
        yield frame


def _short(filename: str) -> str:
    """Return the file name as the student knows it: relative to where programs run, or to the library."""
    for prefix in ("/grade/run/filenames/", "/grade/run/", *(entry + os.sep for entry in sys.path if entry)):
        if filename.startswith(prefix):
            return filename[len(prefix) :]
    return filename
