"""What the grader says to students and staff, in two wordings.

``ORIGINAL`` is word for word what courses know from PrairieLearn's grader; ``CLEARER`` is the default. Only texts
differ: scores, points, the list of tests and ``gradable`` never depend on the wording. The messages of Feedback's
checks are part of the contract and the same in both, so they stand with the checks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The environment variable that chooses the wording: ``original`` restores PrairieLearn's.
VARIABLE = "SLASHGRADE_TEXTS"

#: Display names of the entries that stand in for tests; the same in both wordings because results are keyed by name.
STUDENT_EXCEPTION = "Your code raised an Exception"
INTERNAL_ERROR = "Internal Grading Error"

SKIPPED = " - Grading was skipped because an earlier test failed - "
NO_TESTS = "No tests were found."
SYNTAX_ERROR = "Your code has a syntax error."
NOT_ALLOWED = "The use of this function is not allowed."
NOT_CALLABLE = (
    "Your code was supposed to supply a function or callable, but the variable you supplied was not callable."
)
LAST_DITCH = (
    "Your code could not be processed by the autograder. Please contact course staff and have them check the logs "
    "for this submission."
)
LATE = (
    "Grading this submission took longer than it may, so it was ended: your code was not graded, and this submission "
    "does not count as an attempt. Submit again; if it happens again, please tell course staff. For them: the log of "
    "this submission shows where the grading was."
)
VANISHED = (
    "Your code ended the program that was grading it ({how}), so it could not be graded. "
    "Remove calls like os._exit(), and check that your code does not use too much memory."
)
CASE_HEADING = "\nFeedback for case {case}\n---------------------\n"


@dataclass(frozen=True)
class Texts:
    """One wording. ``{traceback}``, ``{seconds}`` and the like are filled in by the place that uses the text."""

    #: True for the original wording: tracebacks keep the grader's frames, text printed before an exception is lost.
    original: bool
    #: Prefix of an exception that came out of a test method.
    error_in_test: str
    #: Prefix of a fault in the question's own files.
    internal_error: str
    #: Prefix of what is wrong with the submitted file itself; it reads on in the same sentence.
    unreadable_file: str
    #: An exception of a callable that the grading code called; ``{name}`` is the callable's.
    call_failed: str

    def title(self, function: Any) -> str:
        """Return what a callable is called in a text."""
        try:
            return str(function.__name__)
        except AttributeError as error:
            problem = f"encountered AttributeError: {error}"
            return f"<unable to retrieve name; {problem}>" if self.original else type(function).__name__


ORIGINAL = Texts(
    original=True,
    error_in_test=(
        "There was an error while grading your code.\n\n"
        "Review the question text to ensure your code matches\n"
        "the expected requirements, such as variable names,\n"
        "function names, and parameters.\n\n"
        "Look at the traceback below to help debug your code:\n"
    ),
    internal_error="The grader encountered an error while grading your code.\n\nThe associated traceback is:\n",
    unreadable_file="",  # there it is an internal error like all others
    call_failed=(
        "The callable '{name}' supplied in your code failed with an exception "
        "while it was being called by the grading code:"
    ),
)

CLEARER = Texts(
    original=False,
    error_in_test=ORIGINAL.error_in_test,
    internal_error=(
        "This question's grading files have a fault, so your code was not graded and this submission does not count "
        "as an attempt. Please tell course staff; for them, here is what went wrong:\n"
    ),
    unreadable_file="Your code was not graded, and this submission does not count as an attempt: ",
    call_failed=ORIGINAL.call_failed + "\n",
)


def from_environment(environ: Mapping[str, str] = os.environ) -> Texts:
    """Return the wording that the environment asks for; anything but ``original`` means ``CLEARER``."""
    return ORIGINAL if environ.get(VARIABLE, "").strip().lower() == "original" else CLEARER
