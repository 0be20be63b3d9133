"""The unittest result that turns tests into points."""

from __future__ import annotations

import sys
import unittest
from dataclasses import dataclass, field
from typing import Any

from slashgrade_python import decorators, texts, tracebacks
from slashgrade_python.feedback import Feedback, GradingComplete, NoTestNamed, TestComplete
from slashgrade_python.limits import TimedOut
from slashgrade_python.outcomes import UNGRADABLE, Kind, QuestionFault, RunFailed, StudentFailed, UnreadableFile


@dataclass
class Entry:
    """One test's result in one iteration."""

    name: str
    #: Method name of the test; also the page of the book where its feedback stands.
    filename: str
    max_points: float
    points: float


@dataclass
class Outcome:
    """The result of one iteration."""

    entries: list[Entry] = field(default_factory=list)
    #: False ends the grading after this iteration.
    gradable: bool = True
    #: Why the student's file did not load, if it did not.
    student: StudentFailed | None = None


class Collector(unittest.TestResult):
    """Collects the entries of one iteration."""

    def __init__(self, wording: texts.Texts) -> None:
        super().__init__()
        self.outcome = Outcome()
        #: After ``Feedback.finish``: the tests still to come are not run.
        self.finished = False
        self._texts = wording
        self._recorded = False
        self._subtest_error: Any = None
        self._left = 0

    # ------------------------------------------------------------------ unittest's callbacks

    def startTest(self, test: unittest.TestCase) -> None:
        """Make ``test`` the one that scores."""
        super().startTest(test)
        self._recorded = False
        self._subtest_error = None
        test.points = 0.0  # type: ignore[attr-defined]
        Feedback.set_test(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        """Record a test that unittest reported in none of the usual ways, such as one with failed subtests."""
        super().stopTest(test)
        if self._recorded:
            return
        if self._subtest_error is not None:
            self.addError(test, self._subtest_error)
        else:
            self._record(test, _points(test))

    def addSuccess(self, test: unittest.TestCase) -> None:
        """Record the score that the test set: 0 if it set none."""
        self._record(test, _points(test))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Record the score that the test set before its assertion failed."""
        self._record(test, _points(test))

    def addError(self, test: Any, err: Any) -> None:
        """Record an exception: one that ends the grading, the student's, or the question's."""
        error = err[1]
        if not isinstance(test, unittest.TestCase) or not hasattr(test, "_testMethodName"):
            self._setup_failed(error)
        elif isinstance(error, GradingComplete):
            self.finished = True
            self._record(test, _points(test))
        elif isinstance(error, TestComplete):
            self._record(test, _points(test))
        elif isinstance(error, RunFailed):
            raise error
        else:
            self._test_failed(test, error)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Remember a failed subtest: the test then keeps its score, or loses it if the subtest raised an exception."""
        if err is not None and not issubclass(err[0], test.failureException):
            self._subtest_error = err

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Refuse: a skipped test has no points, and leaving it out would change the score's meaning."""
        raise RunFailed(f"{test} was skipped ({reason}); tests of a question cannot be skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Record the score that the test set."""
        self._record(test, _points(test))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Record the score that the test set."""
        self._record(test, _points(test))

    # ------------------------------------------------------------------ what they mean here

    def expect(self, suite: unittest.TestSuite) -> None:
        """Remember which tests are to come."""
        self._left = suite.countTestCases()

    def more_to_come(self, test: unittest.TestCase) -> bool:
        """Return whether other tests, of this iteration or a later one, come after ``test``."""
        self._left -= 1
        return self._left > 0 or type(test).iter_num + 1 < type(test).total_iters  # type: ignore[attr-defined]

    def skip_rest(self, test: unittest.TestCase) -> None:
        """Record a test that comes after the grading was finished."""
        self._say(test, texts.SKIPPED)
        self._record(test, 0.0)

    def out_of_time(self, test: unittest.TestCase, message: str) -> None:
        """Record a test that was not run because earlier ones used up the time."""
        self._say(test, message)
        self._record(test, 0.0)

    def could_not_run(self, test: unittest.TestCase, error: BaseException) -> None:
        """Record a test for which the student's file, stopped by an earlier test, could not be loaded again."""
        self.out_of_time(test, str(error))

    def _say(self, test: unittest.TestCase, message: str) -> None:
        Feedback.set_name(test._testMethodName)
        Feedback.add_feedback(message)

    def _test_failed(self, test: unittest.TestCase, error: BaseException) -> None:
        if isinstance(error, NoTestNamed) or Feedback.book.current is None:
            raise RunFailed(f"{test} has no @name, so its error has nowhere to go") from error
        self._log((type(error), error, error.__traceback__))
        if not self._texts.original:
            Feedback.set_name(test._testMethodName)
        if isinstance(error, TimedOut):
            Feedback.add_feedback(str(error))
        else:
            Feedback.add_feedback(self._texts.error_in_test + tracebacks.for_student(error, self._texts))
        self._record(test, 0.0)

    def _setup_failed(self, error: BaseException) -> None:
        """Record that an iteration could not be set up: no test of it is run."""
        if isinstance(error, StudentFailed):
            self.outcome.student = error
            if error.failure.kind is Kind.EXIT:
                raise RunFailed(error.failure.summary, gradable=True) from error
            if error.failure.kind in UNGRADABLE:
                self.outcome.gradable = False
            else:
                self._placeholder(texts.STUDENT_EXCEPTION, error.failure.traceback)
            return
        self._log((type(error), error, error.__traceback__))
        self.outcome.gradable = False
        self._placeholder(texts.INTERNAL_ERROR, self._fault(error))

    def _fault(self, error: BaseException) -> str:
        """Return what is said of a fault that is not the code's."""
        cause = error.__cause__ if isinstance(error, QuestionFault) and error.__cause__ else error
        if self._texts.original:
            return self._texts.internal_error + tracebacks.for_student(cause, self._texts)
        if isinstance(error, UnreadableFile):
            return f"{self._texts.unreadable_file}{error}\n"
        return self._texts.internal_error + fault_text(error, cause)

    def _placeholder(self, name: str, message: str) -> None:
        Feedback.set_name("error")
        Feedback.add_feedback(message)
        self.outcome.entries.append(Entry(name, "error", 1, 0.0))

    def _record(self, test: unittest.TestCase, score: float) -> None:
        self._recorded = True
        worth = 0.0 if _repeated_elsewhere(test) else _worth(test)
        entry = Entry(_title(test), test._testMethodName, worth, score * worth)
        self.outcome.entries.append(entry)

    def _log(self, err: Any) -> None:
        print(tracebacks.complete(err[1]), file=sys.__stderr__)


def fault_text(error: BaseException, cause: BaseException) -> str:
    """Return what staff need to know of a fault, without source: students read it too."""
    where = ""
    trace = cause.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename.rsplit("/", 1)[-1]
        if name in tracebacks.QUESTION_FILES:
            where = f"{name}, line {trace.tb_lineno}: "
        trace = trace.tb_next
    kind = "" if isinstance(cause, QuestionFault) else f"{type(cause).__name__}: "
    lead = f"{error}\n" if cause is not error else ""
    return f"{lead}{where}{kind}{cause}\n"


def _method(test: unittest.TestCase) -> Any:
    return getattr(test, test._testMethodName)


def _points(test: unittest.TestCase) -> float:
    return float(getattr(test, "points", 0.0))


def _worth(test: unittest.TestCase) -> float:
    return getattr(_method(test), decorators.POINTS, 1)


def _title(test: unittest.TestCase) -> str:
    return getattr(_method(test), decorators.NAME, None) or test.shortDescription() or test._testMethodName


def _repeated_elsewhere(test: unittest.TestCase) -> bool:
    """Return whether this is a later iteration of a test that is run once."""
    later = getattr(test, "iter_num", 0) > 0
    return later and getattr(_method(test), decorators.NOT_REPEATED, False)
