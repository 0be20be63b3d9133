"""The tester: runs a question's tests against a student's code and makes the result."""

from __future__ import annotations

import os
import sys
import types
import unittest
from collections.abc import Callable
from typing import Any

from slashgrade_python import modules, report, seeds, texts, tracebacks
from slashgrade_python.collector import Collector, Outcome
from slashgrade_python.control import Control
from slashgrade_python.feedback import Book, Feedback
from slashgrade_python.grading import Grading
from slashgrade_python.layout import Layout
from slashgrade_python.limits import Limits
from slashgrade_python.outcomes import QuestionFault, RunFailed
from slashgrade_python.question import Question
from slashgrade_python.remote import RemoteStudent
from slashgrade_python.testcase import PLTestCase


def grade(question: Question, layout: Layout, limits: Limits, control: Control) -> dict[str, Any]:
    """Grade the submission and return the content of results.json."""
    wording = texts.from_environment()
    book = Feedback.book = Book(wording)
    chosen = seeds.Seeds.from_environment(question.data)
    print(f"seed {chosen.base} (set {seeds.VARIABLES[0]}={chosen.base} to repeat this grading)", file=sys.stderr)
    folder = str(layout.run)
    student = RemoteStudent(control, folder, frozenset({str(question.folder / "ans.py")}))
    finders: list[Any] = sys.meta_path
    finders.insert(0, modules.TestsFinder(folder, layout.from_tests))
    finders.append(modules.SubmittedFinder(student, layout.submitted))
    grading = Grading(question, student, chosen, limits, book, folder)
    try:
        case = _test_class(question, student)
        case.grading = grading
        return report.graded(case, _iterations(case, wording), grading)
    except RunFailed as error:
        _log(error.__cause__ or error)
        return report.run_failed(error, wording)
    except KeyboardInterrupt as error:
        # The student's code may raise one in a call; tests that do are at fault themselves.
        failed = RunFailed("a test raised KeyboardInterrupt", gradable=hasattr(error, tracebacks.REMOTE))
        failed.__cause__ = error
        return report.run_failed(failed, wording)


def _log(error: BaseException) -> None:
    """Print a whole traceback to the container's log, where staff find it."""
    print(tracebacks.complete(error), file=sys.__stderr__)


def _test_class(question: Question, student: RemoteStudent) -> type[PLTestCase]:
    """Execute test.py and return its class Test. Raises RunFailed if there is none."""
    module = types.ModuleType("test")
    module.__file__ = str(question.folder / "test.py")
    sys.modules["test"] = module
    try:
        exec(question.compiled("test.py"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise RunFailed("tests/test.py cannot be executed") from error
    modules.pass_on(question.sources["test.py"], module.__dict__, student)
    modules.follow_mocks(student)
    case = getattr(module, "Test", None)
    if not isinstance(case, type) or not issubclass(case, PLTestCase):
        raise RunFailed("tests/test.py defines no class Test(PLTestCase)")
    return case


def _iterations(case: type[PLTestCase], wording: texts.Texts) -> list[Outcome]:
    outcomes = []
    for number in range(case.total_iters):
        case.iter_num = number
        collector = Collector(wording)
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
        collector.expect(suite)
        suite.run(collector)
        outcomes.append(collector.outcome)
        if not collector.outcome.gradable:
            break
    return outcomes


def grade_files(layout: Layout, limits: Limits, control: Control, drop_rights: Callable[[], None]) -> dict[str, Any]:
    """Read the question as root, give the rights up, and grade."""
    fault: QuestionFault | None = None
    try:
        question = Question.read(layout)
    except QuestionFault as error:
        fault = error
    drop_rights()
    os.chdir(layout.run)
    if fault is not None:
        return report.internal_error(fault, texts.from_environment())
    return grade(question, layout, limits, control)
