"""Feedback: what a course's tests call to check values, tell the student about them, and set a test's score.

Every method is a class method because that is how tests use it. What a method writes is kept in a ``Book``; the
collector reads the book when it makes results.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from slashgrade_python import texts, tracebacks
from slashgrade_python.checks import arrays, containers, frames, plots, scalars

#: Key of the text that belongs to no test; it becomes the ``output`` of the whole result.
MAIN = ""


class GradingComplete(Exception):
    """Ends this test with the score it has, and all tests after it with nothing (``Feedback.finish``)."""


class TestComplete(Exception):
    """Ends only this test, with the score it has (``Feedback.finish_test``)."""

    __test__ = False  # not a test class, whatever pytest thinks of its name


class NoTestNamed(RuntimeError):
    """Feedback was given before any test had a name: a fault of the question."""


@dataclass
class Book:
    """What one grading has said so far, by test."""

    texts: texts.Texts = texts.CLEARER
    #: Texts by method name of the test; ``MAIN`` for the whole result.
    pages: dict[str, list[str]] = field(default_factory=dict)
    #: The page that is written to; None before the first test that has a name.
    current: str | None = None
    #: The running test; its attribute ``points`` is its score in [0, 1].
    test: Any = None
    #: Heading written before the next text, or "".
    heading: str = ""

    def write(self, text: str) -> None:
        """Add ``text`` and a line end to the current page."""
        if self.current is None:
            raise NoTestNamed("feedback was given in a test without @name, before any test with a name")
        page = self.pages.setdefault(self.current, [])
        if self.heading:
            page.append(self.heading)
            self.heading = ""
        page.append(f"{text}\n")

    def read(self, page: str) -> str:
        """Return all of a page's text, or ""."""
        return "".join(self.pages.get(page, ()))


class Feedback:
    """Checks and messages for the student. Common parameters of the checks:

    name: what the value is called in messages.
    ref, data: the reference's value and the student's.
    accuracy_critical: a failure ends the whole grading (``finish``).
    report_failure, report_success: whether the student is told.

    A check returns True and says ``'name' looks good``, or returns False and says what is wrong.
    """

    book: ClassVar[Book] = Book()

    # ------------------------------------------------------------------ where feedback goes

    @classmethod
    def set_test(cls, test: Any) -> None:
        """Make ``test`` the one whose score ``set_score`` sets."""
        cls.book.test = test

    @classmethod
    def set_name(cls, name: str) -> None:
        """Send feedback to the test method called ``name`` from here on."""
        cls.book.current = name

    @classmethod
    def set_main_output(cls) -> None:
        """Send feedback to the result's ``output`` from here on, instead of to a test."""
        cls.book.current = MAIN

    @classmethod
    def add_iteration_prefix(cls, case: int) -> None:
        """Head the next feedback with the number of the iteration, counted from 0."""
        cls.book.heading = texts.CASE_HEADING.format(case=case)

    @classmethod
    def clear_iteration_prefix(cls) -> None:
        """Take back a heading that was not used yet."""
        cls.book.heading = ""

    # ------------------------------------------------------------------ saying and scoring

    @classmethod
    def add_feedback(cls, text: str) -> None:
        """Tell the student ``text``; a line end is added."""
        cls.book.write(text)

    @classmethod
    def set_score(cls, score: float) -> None:
        """Set the running test's score, clipped to [0, 1]; not a number counts as 0."""
        value = float(score)
        cls.book.test.points = 0.0 if math.isnan(value) else min(max(value, 0.0), 1.0)

    @classmethod
    def finish(cls, fb_text: str) -> NoReturn:
        """Tell the student ``fb_text`` and end the grading: later tests get nothing."""
        cls.add_feedback(fb_text)
        raise GradingComplete

    @classmethod
    def finish_test(cls, fb_text: str) -> NoReturn:
        """Tell the student ``fb_text`` and end this test only."""
        cls.add_feedback(fb_text)
        raise TestComplete

    @staticmethod
    def not_allowed(*_args: Any, **_kwargs: Any) -> NoReturn:
        """Stand in for a function that students may not use: ``numpy.linalg.inv = Feedback.not_allowed``."""
        raise RuntimeError(texts.NOT_ALLOWED)

    @classmethod
    def call_user(cls, f: Callable[..., Any], *args: Any, stop_on_exception: bool = True, **kwargs: Any) -> Any:
        """Call the student's ``f`` and return what it returns.

        An exception in it, or an ``f`` that cannot be called, sets the test's score to 0, is told to the student, and
        ends the grading, or with ``stop_on_exception=False`` only this test.
        """
        if not callable(f):
            cls._give_up(texts.NOT_CALLABLE, cls._ending(stop_on_exception))
        try:
            return f(*args, **kwargs)
        except (GradingComplete, TestComplete):
            raise
        except Exception as error:
            title = cls.book.texts.title(f)
            message = cls.book.texts.call_failed.format(name=title) + tracebacks.for_student(error, cls.book.texts)
            cls._give_up(message, cls._ending(stop_on_exception))

    @classmethod
    def _ending(cls, stop: bool) -> Callable[[str], NoReturn]:
        return cls.finish if stop else cls.finish_test

    @classmethod
    def _give_up(cls, message: str, ending: Callable[[str], NoReturn]) -> NoReturn:
        cls.set_score(0)
        ending(message)

    # ------------------------------------------------------------------ checks

    @classmethod
    def check_scalar(
        cls,
        name: str,
        ref: Any,
        data: Any,
        accuracy_critical: bool = False,
        rtol: float | None = 1e-5,
        atol: float | None = 1e-8,
        report_success: bool = True,
        report_failure: bool = True,
    ) -> bool:
        """Check a number: right if ``|ref - data| < |ref| * rtol`` or ``< atol``; None switches one of them off."""
        problems = scalars.problems(name, ref, data, rtol, atol)
        return cls._judge(name, problems, accuracy_critical, report_failure, report_success)

    @classmethod
    def check_numpy_array_sanity(cls, name: str, num_axes: int, data: Any) -> None:
        """End the grading unless ``data`` is an array of floating point or complex numbers with ``num_axes`` axes."""
        problems = arrays.sanity_problems(name, num_axes, data)
        if problems:
            cls.finish(problems[0])

    @classmethod
    def check_numpy_array_features(
        cls,
        name: str,
        ref: Any,
        data: Any,
        accuracy_critical: bool = False,
        report_failure: bool = True,
        report_success: bool = True,
    ) -> bool:
        """Check that ``data`` is an array of ``ref``'s shape and of the same kind of dtype."""
        problems = arrays.feature_problems(name, ref, data)
        return cls._judge(name, problems, accuracy_critical, report_failure, report_success)

    @classmethod
    def check_numpy_array_allclose(
        cls,
        name: str,
        ref: Any,
        data: Any,
        accuracy_critical: bool = False,
        rtol: float = 1e-05,
        atol: float = 1e-08,
        report_success: bool = True,
        report_failure: bool = True,
    ) -> bool:
        """Check features, then ``numpy.allclose(ref, data, rtol, atol)``; NaN never equals anything."""
        if not cls.check_numpy_array_features(name, ref, data, accuracy_critical, report_failure, False):
            return False
        if arrays.close(ref, data, rtol, atol):
            return cls._judge(name, [], accuracy_critical, report_failure, report_success)
        if report_failure:
            cls.add_feedback(f"'{name}' is inaccurate")
        if accuracy_critical:
            raise GradingComplete
        return False

    @classmethod
    def check_list(
        cls,
        name: str,
        ref: Any,
        data: Any,
        entry_type: Any = None,
        accuracy_critical: bool = False,
        report_failure: bool = True,
        report_success: bool = True,
    ) -> bool:
        """Check that ``data`` is a list as long as ``ref``, of ``entry_type`` if given. Values are not compared."""
        problems = containers.list_problems(name, ref, data, entry_type)
        return cls._judge(name, problems, accuracy_critical, report_failure, report_success)

    @classmethod
    def check_dict(
        cls,
        name: str,
        ref: Any,
        data: Any,
        *,
        target_keys: Any = None,
        accuracy_critical: bool = False,
        report_failure: bool = True,
        report_success: bool = True,
    ) -> bool:
        """Check keys, exact types of values, and values; with ``target_keys`` only those keys, and others may be there.

        Raises ValueError if ``target_keys`` are not all in ``ref``.
        """
        problems = containers.dict_problems(name, ref, data, target_keys)
        return cls._judge(name, problems, accuracy_critical, report_failure, report_success)

    @classmethod
    def check_tuple(
        cls,
        name: str,
        ref: Any,
        data: Any,
        accuracy_critical: bool = False,
        report_failure: bool = True,
        report_success: bool = True,
    ) -> bool:
        """Check a tuple's length, exact types of its entries (all wrong ones are told), and values."""
        problems = containers.tuple_problems(name, ref, data)
        return cls._judge(name, problems, accuracy_critical, report_failure, report_success)

    @classmethod
    def check_plot(
        cls,
        name: str,
        ref: Any,
        plot: Any,
        check_axes_scale: str | None = None,
        accuracy_critical: bool = False,
        report_failure: bool = True,
        report_success: bool = True,
    ) -> bool:
        """Check that the axes ``plot`` show the lines of the axes ``ref``, in any order of lines and points.

        check_axes_scale: ``"x"``, ``"y"`` or ``"xy"`` compares the scales (linear, log …) of those axes too.
        """
        problems = plots.problems(name, ref, plot, check_axes_scale, cls.book.texts)
        return cls._judge(name, problems, accuracy_critical, report_failure, report_success)

    @classmethod
    def check_dataframe(
        cls,
        name: str,
        ref: Any,
        data: Any,
        subset_columns: list[Any] | None = None,
        check_values: bool = True,
        allow_order_variance: bool = True,
        display_input: bool = False,
        report_success: bool = True,
    ) -> bool:
        """Check a pandas DataFrame: number of rows, columns, and with ``check_values`` all values.

        subset_columns: compare only these. allow_order_variance: rows and columns may be in another order as long as
        their labels match. display_input: show the student the frame, at most 9 rows of it.
        """
        data = frames.own(data)
        problems = frames.problems(
            name, ref, data, subset_columns, frames.Rules(check_values=check_values, any_order=allow_order_variance)
        )
        good = cls._judge(name, problems, False, True, report_success)
        if display_input and frames.is_frame(data):
            cls.add_feedback("----------")
            cls.add_feedback(data.to_string(max_rows=9))
        return good

    @classmethod
    def _judge(cls, name: str, problems: list[str], critical: bool, report_failure: bool, report_success: bool) -> bool:
        if not problems:
            if report_success:
                cls.add_feedback(f"'{name}' looks good")
            return True
        if report_failure:
            for problem in problems:
                cls.add_feedback(problem)
        if critical:
            cls.finish("")
        return False
