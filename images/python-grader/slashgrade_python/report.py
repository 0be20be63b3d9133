"""results.json: what the student and the platform are told of a grading."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slashgrade_python import decorators, figures, texts, tracebacks
from slashgrade_python.collector import Collector, Entry, Outcome
from slashgrade_python.feedback import MAIN, Book, Feedback
from slashgrade_python.outcomes import Failure, Kind, QuestionFault, RunFailed, StudentFailed, Vanished

#: The platform reads at most 1 MiB of results.json; some of it is left for what a runner may add.
SIZE_LIMIT = 1_000_000
#: Lengths to which texts are cut, one after the other, until the result is small enough. In characters.
TEXT_LIMITS = (50_000, 20_000, 5_000, 1_000, 200)

if TYPE_CHECKING:
    from slashgrade_python.grading import Grading
    from slashgrade_python.testcase import PLTestCase


def graded(case: type[PLTestCase], outcomes: list[Outcome], grading: Grading) -> dict[str, Any]:
    """Return the result of a grading that ran, however well its code did."""
    tests = [entry for outcome in outcomes for entry in outcome.entries]
    if len(outcomes) > 1:
        tests = _merged(tests)
    total = _denominator(case)
    result: dict[str, Any] = {
        "tests": [_test(entry, grading.book) | _pictures(entry, grading.folder) for entry in tests],
        "score": sum(entry.points for entry in tests) / total if total else 0.0,
        "succeeded": True,
        "gradable": all(outcome.gradable for outcome in outcomes),
        "max_points": total,
        "images": grading.images,
    }
    if not tests and result["gradable"]:
        result["message"] = texts.NO_TESTS
    failed = next((outcome.student.failure for outcome in outcomes if outcome.student), None)
    output = grading.output
    if failed is not None and not result["gradable"]:
        result["format_errors"] = [_format_error(failed, grading.book.texts)]
        output += f"{failed.traceback}\n" if grading.book.texts.original else failed.traceback
    if output := output + grading.book.read(MAIN):
        result["output"] = output
    return result


def run_failed(error: RunFailed, wording: texts.Texts) -> dict[str, Any]:
    """Return the result where there are no tests to speak of: by the question's fault, or the student left."""
    if isinstance(error, Vanished):
        return vanished(error.how, wording)
    cause = error.__cause__ or error
    if isinstance(cause, StudentFailed):
        return {"succeeded": False, "score": 0.0, "output": cause.failure.traceback}
    text = tracebacks.complete(cause) if wording.original else tracebacks.for_student(cause, wording)
    result: dict[str, Any] = {"succeeded": False, "score": 0.0, "output": text}
    if not error.gradable:
        result |= {"gradable": False, "message": wording.internal_error + error.reason + "\n"}
    return result


def vanished(how: str, wording: texts.Texts) -> dict[str, Any]:
    """Return the result where the student's process ended by itself."""
    if wording.original:
        return last_ditch()
    return {"succeeded": False, "score": 0.0, "message": texts.VANISHED.format(how=how)}


def last_ditch() -> dict[str, Any]:
    """Return the result of a grading that ended without one: an attempt is used, because a student can cause it."""
    return {"succeeded": False, "score": 0.0, "message": texts.LAST_DITCH}


def late(wording: texts.Texts) -> dict[str, Any]:
    """Return the result of a grading that had to be ended: as where the runner ends it, no attempt is used."""
    result = {"succeeded": False, "score": 0.0, "gradable": False}
    return result | {"message": texts.LAST_DITCH if wording.original else texts.LATE}


def encode(result: dict[str, Any]) -> str:
    """Return ``result`` as JSON of at most ``SIZE_LIMIT`` bytes: too long texts are cut, then images left out."""
    text = json.dumps(result, allow_nan=False)
    short = result
    for longest in TEXT_LIMITS:
        if len(text) <= SIZE_LIMIT:
            return text
        short = _cut(result, longest)
        text = json.dumps(short, allow_nan=False)
    if len(text) > SIZE_LIMIT:
        _leave_out_images(short)
        text = json.dumps(short, allow_nan=False)
    return text


def _cut(result: dict[str, Any], longest: int) -> dict[str, Any]:
    """Return ``result`` with every text cut to ``longest`` characters, with a note."""
    short = dict(result)
    if "tests" in result:
        short["tests"] = [_cut(test, longest) for test in result["tests"]]
    for key in ("output", "message"):
        text = result.get(key, "")
        if len(text) > longest:
            short[key] = f"{text[:longest]}\n[Text cut here: it was {len(text):,} characters long.]\n"
    return short


def _leave_out_images(result: dict[str, Any]) -> None:
    for part in (result, *result.get("tests", ())):
        if part.get("images"):
            part["images"] = []
            part["message"] = part.get("message", "") + "\n[The images are left out: they are too large.]\n"


def _merged(entries: Iterable[Entry]) -> list[Entry]:
    """Add the iterations' entries of the same display name up, in the order of their first appearance."""
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.setdefault(entry.name, Entry(entry.name, entry.filename, 0, 0))
        first.filename = entry.filename
        first.max_points += entry.max_points
        first.points += entry.points
    return list(found.values())


def _denominator(case: type[PLTestCase]) -> float:
    """Return the points that can be had: of the class's own test methods that carry @points, over all iterations."""
    total: float = 0
    for name, method in vars(case).items():
        if name.startswith("test_") and hasattr(method, decorators.POINTS):
            once = getattr(method, decorators.NOT_REPEATED, False)
            total += getattr(method, decorators.POINTS) * (1 if once else case.total_iters)
    return total


def _test(entry: Entry, book: Book) -> dict[str, Any]:
    test = asdict(entry) | {"files": []}
    if message := book.read(entry.filename):
        test["message"] = message
    return test


def _pictures(entry: Entry, folder: str) -> dict[str, Any]:
    images = figures.of_test(Path(folder), entry.filename) or figures.of_test(Path(folder), entry.name)
    return {"images": images} if images else {}


def _format_error(failure: Failure, wording: texts.Texts) -> str:
    if wording.original or failure.kind is Kind.SYNTAX:
        return texts.SYNTAX_ERROR
    return failure.summary.partition("\n")[0]


def internal_error(fault: QuestionFault, wording: texts.Texts) -> dict[str, Any]:
    """Return the result where the question's files could not even be read."""
    collector = Collector(wording)
    book = Feedback.book = Book(wording)
    collector.addError(None, (type(fault), fault, fault.__traceback__))
    tests = [_test(entry, book) for entry in collector.outcome.entries]
    return {"tests": tests, "score": 0.0, "succeeded": True, "gradable": False, "max_points": 0, "images": []}
