"""The base classes of a question's class Test."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any, ClassVar

from slashgrade_python.checks import plots
from slashgrade_python.collector import Collector
from slashgrade_python.decorators import name
from slashgrade_python.feedback import Feedback
from slashgrade_python.grading import Grading
from slashgrade_python.limits import LEAST, TimedOut
from slashgrade_python.outcomes import StudentFailed


class PLTestCase(unittest.TestCase):
    """A question's tests.

    Before the tests of an iteration run, ``ref`` and ``st`` hold the values of the reference answer and of the
    student's code as attributes, ``data`` the question's data.json, ``plt`` the student's pyplot if asked for.
    """

    #: Name of the student's file; ``.ipynb`` for a notebook.
    student_code_file: ClassVar[str] = "user_code.py"
    #: Where that file lies; set before the tests run.
    student_code_abs_path: ClassVar[str] = ""
    #: First characters of the notebook's cells that are graded.
    ipynb_key: ClassVar[str] = "#grade"
    #: Whether the tests look at plots.
    include_plt: ClassVar[bool] = False
    #: How often everything is run, each time with other random numbers.
    total_iters: ClassVar[int] = 1
    #: The number of the iteration, from 0.
    iter_num: ClassVar[int] = 0
    #: Whether feedback is headed by the iteration's number, if there is more than one.
    print_iteration_prefix: ClassVar[bool] = True
    #: Seconds that each test, and the loading of the student's file, may take; None for the job's limit only.
    timeout: ClassVar[float | None] = None

    ref: ClassVar[Any] = None
    st: ClassVar[Any] = None
    data: ClassVar[dict[str, Any]] = {}
    plt: ClassVar[Any] = None

    #: The grading that this class is run by; set by the tester.
    grading: ClassVar[Grading]

    #: The running test's score, in [0, 1].
    points: float = 0.0

    @classmethod
    def setUpClass(cls) -> None:
        """Set up one iteration: setup code, reference answer, the student's code."""
        cls.grading.set_up(cls)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run one test within its time limit; after ``Feedback.finish`` only record it."""
        if not isinstance(result, Collector):
            return super().run(result)
        if result.finished:
            result.skip_rest(self)
            return result
        seconds = self.grading.limits.share(self.timeout, result.more_to_come(self))
        if seconds is not None and seconds < LEAST:
            result.out_of_time(self, "This test was not run: earlier tests used up the time.")
            return result
        Feedback.clear_iteration_prefix()
        if self.total_iters > 1 and self.print_iteration_prefix:
            Feedback.add_iteration_prefix(self.iter_num)
        try:
            with self.grading.student.within(seconds):
                if not self.grading.student.alive:  # an earlier test hung, and its process was ended
                    self.grading.load(type(self))
                return super().run(result)
        except (TimedOut, StudentFailed) as error:  # not within a test, where unittest catches it
            result.could_not_run(self, error)
            return result

    def _callTestMethod(self, method: Callable[[], object]) -> None:
        """Run the test's body. One whose time was up fails, whatever it has caught."""
        try:
            super()._callTestMethod(method)  # type: ignore[misc]
        finally:
            self.grading.student.stop_if_late()


class PLTestCaseWithPlot(PLTestCase):
    """A question's tests that look at plots: the student's figures are shown with the results."""

    include_plt: ClassVar[bool] = True

    @name("Check plot labels")
    def optional_test_plot_labels(self) -> None:
        """Give a third of the points each for an x label, a title and a y label. Call it from a test of your own."""
        found = plots.label_feedback(self.plt.gca())
        for message, _ in found:
            Feedback.add_feedback(message)
        Feedback.set_score(sum(there for _, there in found) / len(found))
