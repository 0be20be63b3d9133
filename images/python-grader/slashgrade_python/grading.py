"""One grading: its iterations, each with setup code, reference answer and the student's code (design in README.md)."""

from __future__ import annotations

import copy
import linecache
import os
import sys
from collections import namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from slashgrade_python import execution, figures, highlight, modules, notebook, seeds, texts, tracebacks
from slashgrade_python.feedback import Book
from slashgrade_python.limits import Limits, TimedOut
from slashgrade_python.outcomes import Failure, Kind, QuestionFault, StudentFailed, UnreadableFile, Vanished
from slashgrade_python.question import Question
from slashgrade_python.remote import RemoteStudent, raised, timed_out

if TYPE_CHECKING:
    from slashgrade_python.testcase import PLTestCase


#: The file in which tests find what the student's file printed.
OUTPUT = "output.txt"


@dataclass
class Grading:
    """What all iterations of one grading share."""

    question: Question
    student: RemoteStudent
    seeds: seeds.Seeds
    limits: Limits
    book: Book
    #: Directory where programs run and the student's file lies.
    folder: str
    #: What the student's file printed in the last iteration.
    output: str = ""
    #: The student's source as executed in the last iteration, and the name it has in tracebacks.
    source: str = ""
    filename: str = ""
    #: That of the student's file alone, and the key of its cells where it is a notebook.
    _submitted: str = ""
    _key: str = ""
    #: Pictures of figures, as data URLs.
    images: list[str] = field(default_factory=list)
    _program: tuple[execution.Program, list[str]] = (execution.Program("", ""), [])

    def set_up(self, case: type[PLTestCase]) -> None:
        """Run setup code, reference answer and the student's file, and give ``case`` its ref, st, data and plt.

        Raises QuestionFault or StudentFailed.
        """
        names = self.question.names_from_user
        path = os.path.join(self.folder, case.student_code_file)
        case.student_code_abs_path = path
        case.data = copy.deepcopy(self.question.data)
        self.source, self.filename = self._read(path, case.ipynb_key)
        setup = self._setup(case)
        seed = self.seeds.next()
        reference = self._reference(setup, seed, case.include_plt)
        if "repeated_setup" in setup:
            _blame_question("repeated_setup()", setup["repeated_setup"])
        given = copy.deepcopy(_chosen(setup, self.question.names_for_user))
        modules.pass_on(self.question.sources["setup_code.py"], setup, self.student)
        self._program = execution.Program(self.source, self.filename, given, seed), names
        case.ref = _tuple("answerTuple", _public(reference))
        try:
            with self.student.within(self.limits.share(case.timeout, more=True)):
                self.load(case)
                self._take_pictures(case)
        except TimedOut as late:  # after the file, but before what else belongs to its loading
            raise self._failed(timed_out(late)) from late
        seeds.sow(self.seeds.next())

    def load(self, case: type[PLTestCase]) -> None:
        """Execute the student's file, and give ``case`` its st and plt. Raises StudentFailed."""
        program, names = self._program
        linecache.cache[program.filename] = _lines(program)
        loaded = self.student.load(program, names)
        self.output = loaded.output
        self._write_output()
        if loaded.failure is not None:
            raise self._failed(loaded.failure)
        case.st = _tuple("studentTuple", loaded.values)
        if case.include_plt:
            case.plt = self.student.pyplot()

    def _read(self, path: str, key: str) -> tuple[str, str]:
        """Return the student's source with leading and trailing code, and its file name."""
        text = _submitted(path)
        self._key = ""
        if path.endswith(".ipynb"):
            self._key = key
            text, path = notebook.source(text, key, os.path.basename(path)), f"{path} {key}"
        self._submitted = text
        parts = (self.question.sources["leading_code.py"], text, self.question.sources["trailing_code.py"])
        return "\n".join(part for part in parts if part), path

    def _setup(self, case: type[PLTestCase]) -> dict[str, Any]:
        namespace = {"test_iter_num": case.iter_num, "data": case.data}
        if self.seeds.chosen:
            seeds.sow(self.seeds.next())
        self._execute("setup_code.py", namespace)
        if "repeated_setup" in namespace:
            _blame_question("repeated_setup()", namespace["repeated_setup"])
        return namespace

    def _reference(self, setup: dict[str, Any], seed: int, plots: bool) -> dict[str, Any]:
        """Execute the reference answer; returns its namespace."""
        given = set(self.question.names_for_user)
        namespace = {
            name: copy.deepcopy(value) if name in given else value
            for name, value in setup.items()
            if name != "__builtins__" and not isinstance(value, ModuleType)
        }
        seeds.sow(seed)
        self._execute("ans.py", namespace)
        if plots:
            _close_figures(namespace.values())
        return namespace

    def _execute(self, name: str, namespace: dict[str, Any]) -> None:
        def run() -> None:
            exec(self.question.compiled(name), namespace)

        _blame_question(name, run)

    def _write_output(self) -> None:
        """Leave what the file printed where tests may read it; a file of the student's in its place stays."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            with open(
                os.open(Path(self.folder) / OUTPUT, flags, 0o644), "w", encoding="utf-8", errors="replace"
            ) as file:
                file.write(self.output)
        except OSError as error:
            print(f"{OUTPUT}: {error.strerror}", file=sys.stderr)

    def _take_pictures(self, case: type[PLTestCase]) -> None:
        """Keep pictures of the student's figures, if the tests look at plots: as they are before any test runs."""
        if not case.include_plt:
            return
        try:
            pictures = self.student.pictures()
        except BaseException as error:
            if not hasattr(error, tracebacks.REMOTE):
                raise
            raise self._undrawn(error) from error
        for number, picture in enumerate(pictures):
            figures.save(picture, Path(self.folder) / f"image_{case.iter_num}_{number}.png")
            self.images.append(figures.data_url(picture))

    def _undrawn(self, error: BaseException) -> BaseException:
        """Return what to raise for a figure that cannot be drawn: no attempt is used, unless it leaves the program."""
        if not isinstance(error, Exception):
            return self._failed(raised(error))
        return UnreadableFile(f"your figures cannot be drawn.\n{tracebacks.for_student(error, texts.CLEARER)}")

    def _failed(self, failure: Failure) -> BaseException:
        """Return what to raise for a file that did not load."""
        if failure.kind is Kind.VANISHED:
            return Vanished(failure.summary)
        if self.book.texts.original and failure.kind is not Kind.TIMEOUT:
            self.output = ""  # the original never flushes it on this path
        return StudentFailed(replace(failure, traceback=f"{failure.traceback}\n\n{self.shown_source()}"))

    def shown_source(self) -> str:
        """Return what the student submitted, with colours, under a heading."""
        return f"Your code:\n\n{highlight.submission(self._submitted, self._key)}"


def _submitted(path: str) -> str:
    """Return the text of the submitted file. Raises UnreadableFile."""
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8", newline=None) as file:
            return file.read()
    except FileNotFoundError as error:
        raise UnreadableFile(f"the file {name} is missing. Submit a file of that name.") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"the submitted file {name} is not text in UTF-8 (its byte {error.start + 1} shows that). "
            "Save it as UTF-8 and submit it again."
        ) from error
    except OSError as error:
        raise UnreadableFile(f"the submitted file {name} cannot be read: {error.strerror}.") from error


def _lines(program: execution.Program) -> Any:
    """Return what linecache keeps of a file: tests may look at the source of a student's function."""
    return len(program.source), None, program.source.splitlines(keepends=True), program.filename


def _blame_question(what: str, run: Any) -> None:
    """Call ``run``; whatever it raises is the question's fault."""
    try:
        run()
    except (Exception, SystemExit) as error:
        raise QuestionFault(f"{what} failed") from error


def _chosen(namespace: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: namespace[name] for name in names if name in namespace}


def _public(namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


def _tuple(title: str, values: Mapping[str, Any]) -> Any:
    try:
        return namedtuple(title, values.keys())(**values)
    except ValueError as error:
        raise QuestionFault("a name that tests ask for cannot be an attribute") from error


def _close_figures(values: Iterable[Any]) -> None:
    """Close the reference's figures, so that only the student's are shown."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and any(value is pyplot for value in values):
        pyplot.close("all")
