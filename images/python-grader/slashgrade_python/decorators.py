"""The decorators of test methods: what a test is worth, what it is called, whether it is repeated."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from slashgrade_python.feedback import Feedback

Method = TypeVar("Method", bound=Callable[..., Any])

POINTS = "grader_points"
NAME = "grader_name"
NOT_REPEATED = "grader_not_repeated"


def points(worth: float) -> Callable[[Method], Method]:
    """Give a test its weight, in points: an unnamed unit that the score is a ratio of."""

    def mark(method: Method) -> Method:
        setattr(method, POINTS, worth)
        return method

    return mark


def name(title: str) -> Callable[[Method], Method]:
    """Give a test its display name, and send feedback to it while it runs.

    Results of tests with equal display names are added up.
    """

    def mark(method: Method) -> Method:
        @functools.wraps(method)
        def named(self: Any, *args: Any, **kwargs: Any) -> Any:
            Feedback.set_name(method.__name__)
            return method(self, *args, **kwargs)

        setattr(named, NAME, title)
        return named  # type: ignore[return-value]

    return mark


def not_repeated(method: Method) -> Method:
    """Run a test in the first iteration only; in the others it is worth nothing and says nothing."""

    @functools.wraps(method)
    def once(self: Any, *args: Any, **kwargs: Any) -> Any:
        if type(self).iter_num == 0:
            Feedback.clear_iteration_prefix()
            return method(self, *args, **kwargs)
        return None

    setattr(once, NOT_REPEATED, True)
    return once  # type: ignore[return-value]
