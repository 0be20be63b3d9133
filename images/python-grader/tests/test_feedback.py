"""Every check of Feedback with every wrong input, and its exact message."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import sympy

from slashgrade_python import texts
from slashgrade_python.checks import plots
from slashgrade_python.feedback import Book, Feedback, GradingComplete, NoTestNamed, TestComplete

NONE = "'v' is None or not defined"
MATRIX = (
    "'v' is a numpy matrix. Do not use those. "
    "https://docs.scipy.org/doc/scipy/tutorial/linalg.html#numpy-matrix-vs-2-d-numpy-ndarray"
)


class FakeTest:
    points = 0.0


@pytest.fixture(autouse=True)
def book():
    Feedback.book = Book(current="test_0", test=FakeTest())
    return Feedback.book


def said() -> str:
    return Feedback.book.read("test_0")


def check(method: str, expected: str | None, *args, **kwargs) -> None:
    """Call a check; ``expected`` is its message, or None for success."""
    got = getattr(Feedback, method)("v", *args, **kwargs)
    assert said() == ("'v' looks good\n" if expected is None else f"{expected}\n")
    assert got is (expected is None)


@pytest.mark.parametrize(
    ("ref", "data", "options", "expected"),
    [
        (1.0, 1.0, {}, None),
        (1.0, None, {}, NONE),
        (1.0, "1", {}, "'v' is not a number"),
        (1.0, [1.0], {}, "'v' is not a number"),
        (1.0, 1.1, {}, "'v' is inaccurate"),
        (1.0, 1.0 + 1e-6, {}, None),
        (1.0, 1.0 + 1e-5, {"atol": None, "rtol": 1e-5}, "'v' is inaccurate"),
        (0.0, 0.0, {}, None),
        (0.0, 0.0, {"atol": None}, "'v' is inaccurate"),  # strictly smaller
        (5, 5, {"rtol": None}, None),
        (5, 5, {"rtol": None, "atol": None}, "'v' is inaccurate"),
        (1, True, {}, None),
        (1 + 1j, 1 + 1j, {}, None),
        (3, np.int64(3), {}, None),
        (3.0, np.float32(3), {}, None),
        (0.5, sympy.Rational(1, 2), {}, None),
        (0.5, sympy.Symbol("a"), {}, "'v' is not a number"),
        (1.0, float("nan"), {}, "'v' is inaccurate"),
    ],
)
def test_scalar(ref, data, options, expected):
    check("check_scalar", expected, ref, data, **options)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, NONE),
        ([1.0], "'v' is not a numpy array"),
        (np.matrix([[1.0]]), MATRIX),
        (np.zeros(3), "'v' does not have the correct number of axes--got: 1, expected: 2"),
        (np.zeros((2, 2), int), "'v' does not consist of floating point numbers--got: 'int64'"),
    ],
)
def test_array_sanity_finishes(data, expected):
    with pytest.raises(GradingComplete):
        Feedback.check_numpy_array_sanity("v", 2, data)
    assert said() == expected + "\n"


def test_array_sanity_returns_none():
    assert Feedback.check_numpy_array_sanity("v", 1, np.zeros(2, complex)) is None
    assert said() == ""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.ones((2, 3)), None),
        (np.ones((2, 3), np.float32), None),
        (None, NONE),
        (3.0, "'v' is not a numpy array"),
        (np.matrix(np.ones((2, 3))), MATRIX),
        (np.ones((3, 2)), "'v' does not have correct shape--got: '(3, 2)', expected: '(2, 3)'"),
        (np.ones((2, 3), int), "'v' does not have correct data type--got: 'int64', expected: 'float64'"),
    ],
)
def test_array_features(data, expected):
    check("check_numpy_array_features", expected, np.zeros((2, 3)), data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.array([1.0, 2.0]), None),
        (np.array([1.0, 2.0 + 1e-6]), None),
        (None, NONE),
        ([1.0, 2.0], "'v' is not a numpy array"),
        (np.matrix([1.0, 2.0]), MATRIX),
        (np.array([1.0]), "'v' does not have correct shape--got: '(1,)', expected: '(2,)'"),
        (np.array([1.0, 2.1]), "'v' is inaccurate"),
        (np.array([1.0, np.nan]), "'v' is inaccurate"),
        (np.ma.array([1.0, 9.0], mask=[False, True]), "'v' is inaccurate"),
        (np.ma.array([1.0, 2.0]), None),
        (np.array([1, 2]), "'v' does not have correct data type--got: 'int64', expected: 'float64'"),
    ],
)
def test_array_allclose(data, expected):
    check("check_numpy_array_allclose", expected, np.array([1.0, 2.0]), data)


def test_array_allclose_critical_raises_without_text():
    with pytest.raises(GradingComplete):
        Feedback.check_numpy_array_allclose("v", np.zeros(1), np.ones(1), accuracy_critical=True)
    assert said() == "'v' is inaccurate\n"


def test_array_allclose_tolerances():
    ref = np.array([1.0])
    assert Feedback.check_numpy_array_allclose("v", ref, np.array([1.4]), rtol=0, atol=0.5) is True
    assert Feedback.check_numpy_array_allclose("v", ref, np.array([1.6]), rtol=0, atol=0.5) is False
    assert Feedback.check_numpy_array_allclose("v", ref, np.array([1.6]), rtol=0.5, atol=0) is True
    assert said() == "'v' looks good\n'v' is inaccurate\n'v' looks good\n"


FLAGS = "accuracy_critical=False, report_failure=True, report_success=True"
SIGNATURES = {
    "check_numpy_array_sanity": "name, num_axes, data",
    "check_numpy_array_features": f"name, ref, data, {FLAGS}",
    "check_numpy_array_allclose": "name, ref, data, accuracy_critical=False, rtol=1e-05, atol=1e-08, report_success=True, "
    "report_failure=True",
    "check_list": f"name, ref, data, entry_type=None, {FLAGS}",
    "check_dict": f"name, ref, data, *, target_keys=None, {FLAGS}",
    "check_tuple": f"name, ref, data, {FLAGS}",
    "check_scalar": "name, ref, data, accuracy_critical=False, rtol=1e-05, atol=1e-08, report_success=True, "
    "report_failure=True",
    "check_plot": f"name, ref, plot, check_axes_scale=None, {FLAGS}",
    "check_dataframe": "name, ref, data, subset_columns=None, check_values=True, allow_order_variance=True, "
    "display_input=False, report_success=True",
    "call_user": "f, *args, stop_on_exception=True, **kwargs",
    "add_feedback": "text",
    "set_score": "score",
    "finish": "fb_text",
    "finish_test": "fb_text",
    "set_name": "name",
    "set_test": "test",
    "set_main_output": "",
    "clear_iteration_prefix": "",
    "not_allowed": "*_args, **_kwargs",
}


@pytest.mark.parametrize("method", SIGNATURES)
def test_signatures(method):
    parameters = inspect.signature(getattr(Feedback, method)).parameters.values()
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    assert str(inspect.Signature(bare)) == f"({SIGNATURES[method]})"


def test_positional_order_of_flags():
    assert Feedback.check_numpy_array_features("v", np.zeros(1), None, False, False, True) is False
    assert Feedback.check_numpy_array_allclose("v", np.zeros(1), np.zeros(1), False, 0, 0, False, True) is True
    assert Feedback.check_scalar("v", 1, 1, False, 1e-5, 1e-8, False, True) is True
    assert Feedback.check_list("v", [], None, None, False, False, True) is False
    assert said() == ""


@pytest.mark.parametrize(
    ("data", "entry", "expected"),
    [
        ([9, 9], None, None),
        (None, None, NONE),
        ((1, 2), None, "'v' is not a list"),
        ([1], None, "'v' has the wrong length--expected 2, got 1"),
        ([1, "a"], int, "'v[1]' has the wrong type"),
        ([1, 2], int, None),
    ],
)
def test_list(data, entry, expected):
    check("check_list", expected, [1, 2], data, entry)


@pytest.mark.parametrize(
    ("data", "keys", "expected"),
    [
        ({"a": 1, "b": 2.0}, None, None),
        (None, None, "'v' is not a dict, got type NoneType"),
        ([1], None, "'v' is not a dict, got type list"),
        ({}, None, "'v' has missing keys: `a, b`"),
        ({"a": 1, "b": 2.0, "z": 0, "c": 0}, None, "'v' has extra keys: `c, z`"),
        ({"a": 1, "z": 0}, ["a"], None),
        ({"z": 0}, ["a"], "'v' has missing keys: `a`"),
        ({"a": 1, "b": 2.5}, ["a"], None),
        ({"a": True, "b": 2.0}, None, "'v' has key `a` with type `bool`, which is not the right type"),
        ({"a": 1.0, "b": 2.0}, None, "'v' has key `a` with type `float`, which is not the right type"),
        ({"a": 5, "b": 2.0}, None, "'v' has key `a` with value `5`, which is not correct"),
    ],
)
def test_dict(data, keys, expected):
    check("check_dict", expected, {"a": 1, "b": 2.0}, data, target_keys=keys)


def test_dict_with_keys_of_several_types_and_arrays():
    ref = {1: np.array([1, 2]), "b": 0}
    check("check_dict", None, ref, {1: np.array([1, 2]), "b": 0})
    Feedback.book.pages.clear()
    check("check_dict", "'v' has missing keys: `1, b`", ref, {})
    Feedback.book.pages.clear()
    check("check_dict", "'v' has key `1` with value `[1 3]`, which is not correct", ref, {1: np.array([1, 3]), "b": 0})


def test_dict_with_keys_that_the_reference_lacks():
    with pytest.raises(ValueError, match="z"):
        Feedback.check_dict("v", {"a": 1}, {"a": 1}, target_keys=["z"])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ((1, "a"), None),
        (None, "v is None or not defined"),
        ([1, "a"], "v is not a tuple"),
        ((1,), "v should be of length 2"),
        ((1.0, 2), "v[0] should be of type int\nv[1] should be of type str\n'v' is inaccurate"),
        ((True, "a"), "v[0] should be of type int\n'v' is inaccurate"),  # exactly that type
        ((2, "a"), "'v' is inaccurate"),
    ],
)
def test_tuple(data, expected):
    check("check_tuple", expected, (1, "a"), data)


FRAME = pd.DataFrame({"a": [1, 2], "b": ["u", "v"]})


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (FRAME.copy(), {}, None),
        (None, {}, "v is not a DataFrame"),
        (FRAME[["a"]].to_numpy(), {}, "v is not a DataFrame"),
        (FRAME.iloc[:0], {}, "v is empty and should not be empty"),
        (FRAME.iloc[:1], {}, "v is inaccurate"),
        (FRAME[["a"]], {}, "v is inaccurate"),
        (FRAME[["a"]], {"check_values": False}, None),
        (FRAME.assign(a=[1, 3]), {"subset_columns": []}, "v is inaccurate"),
        (FRAME.assign(a=[np.array([1]), np.array([2, 3])]), {}, "v is inaccurate"),
        (FRAME.assign(a=[1, 3]), {}, "v is inaccurate"),
        (FRAME.assign(a=[1, 3]), {"subset_columns": ["b"]}, None),
        (FRAME.assign(a=[1, 3]), {"check_values": False}, None),
        (FRAME.assign(c=0), {}, "v is inaccurate"),
        (FRAME.assign(c=0), {"check_values": False}, None),
        (FRAME[["b", "a"]].iloc[::-1], {}, None),
        (FRAME[["b", "a"]], {"allow_order_variance": False}, "v is inaccurate"),
        (FRAME[["a"]], {"subset_columns": ["b"]}, "Variable (column) `b` is not in `v`"),
        (FRAME[["a"]], {"subset_columns": ["a"]}, None),
        (FRAME.assign(a=[1.0, 2.0]), {}, "v is inaccurate"),
    ],
)
def test_dataframe(data, options, expected):
    check("check_dataframe", expected, FRAME, data, **options)


def test_dataframe_shown():
    Feedback.check_dataframe("v", FRAME, FRAME, display_input=True)
    assert said() == f"'v' looks good\n----------\n{FRAME.to_string(max_rows=9)}\n"


def test_wrong_dataframe_shown_in_nine_rows():
    long = pd.DataFrame({"a": range(40)})
    assert Feedback.check_dataframe("v", FRAME, long, display_input=True) is False
    assert said() == f"v is inaccurate\n----------\n{long.to_string(max_rows=9)}\n"


def test_dataframe_without_a_word():
    assert Feedback.check_dataframe("v", FRAME, FRAME, report_success=False) is True
    assert said() == ""


def axes(*lines, scale="linear"):
    from matplotlib.figure import Figure

    made = Figure().add_subplot()
    for x, y in lines:
        made.plot(x, y)
    made.set_xscale(scale)
    return made


LINES = (([1, 2], [3, 4]), ([1, 2], [5, 6]))


@pytest.mark.parametrize(
    ("data", "scale", "expected"),
    [
        (lambda: axes(*LINES), None, None),
        (lambda: axes(LINES[1], LINES[0]), "xy", None),
        (lambda: axes(([2, 1], [6, 5]), LINES[0]), "xy", None),
        (lambda: axes(LINES[0], (LINES[1][1], LINES[1][0])), None, None),  # x and y exchanged: as the original does
        (lambda: axes(LINES[0], ([1], [5])), None, "'v' is inaccurate"),
        (lambda: axes(LINES[0], ([], [])), None, "'v' is inaccurate"),
        (lambda: None, None, NONE),
        (lambda: 3, None, "'v' is not an object of matplotlib axes"),
        (lambda: axes(*LINES, scale="log"), "x", "'v' does not have the correct scale for its axes"),
        (lambda: axes(*LINES, scale="log"), "y", None),
        (lambda: axes(*LINES, scale="log"), None, None),
        (lambda: axes(*LINES, scale="log"), "xy", "'v' does not have the correct scale for its axes"),
        (lambda: axes(LINES[0]), None, "1 lines were plotted in 'v' but 2 lines were expected"),
        (lambda: axes(LINES[0], LINES[0]), None, "'v' is inaccurate"),
    ],
)
def test_plot(data, scale, expected):
    check("check_plot", expected, axes(*LINES), data(), scale)


def test_plot_labels():
    made = axes(LINES[0])
    made.set_xlabel("x")
    assert plots.label_feedback(made) == [
        ("Plot has xlabel", True),
        ("Plot is missing title", False),
        ("Plot is missing ylabel", False),
    ]


def test_plot_in_the_original_wording(book):
    book.texts = texts.ORIGINAL
    Feedback.check_plot("v", axes(*LINES), axes())
    assert said() == "0 lines were plotted in 'v' but <a list of 2 Line2D objects> lines were expected\n"


def test_critical_failure_finishes_with_an_empty_line():
    with pytest.raises(GradingComplete):
        Feedback.check_scalar("v", 1, 2, accuracy_critical=True)
    assert said() == "'v' is inaccurate\n\n"


CRITICAL = [
    (
        "check_numpy_array_features",
        (np.zeros(2), np.zeros(3)),
        "'v' does not have correct shape--got: '(3,)', expected: '(2,)'",
    ),
    ("check_numpy_array_allclose", (np.zeros(2), None), NONE),
    ("check_list", ([1], []), "'v' has the wrong length--expected 1, got 0"),
    ("check_dict", ({}, []), "'v' is not a dict, got type list"),
    (
        "check_tuple",
        ((1, 2), (1.0, 2.0)),
        "v[0] should be of type int\nv[1] should be of type int\n'v' is inaccurate",
    ),
    ("check_plot", (None, None), NONE),
]


@pytest.mark.parametrize(("method", "arguments", "expected"), CRITICAL)
def test_critical_failures_finish(method, arguments, expected):
    with pytest.raises(GradingComplete):
        getattr(Feedback, method)("v", *arguments, accuracy_critical=True)
    assert said() == f"{expected}\n\n"
    Feedback.book.pages.clear()
    with pytest.raises(GradingComplete):
        getattr(Feedback, method)("v", *arguments, accuracy_critical=True, report_failure=False)
    assert said() == "\n"


@pytest.mark.parametrize(("ending", "raised"), [("finish", GradingComplete), ("finish_test", TestComplete)])
def test_endings(ending, raised):
    with pytest.raises(raised):
        getattr(Feedback, ending)("enough")
    assert said() == "enough\n"


def test_silence():
    assert Feedback.check_scalar("v", 1, 1, report_success=False) is True
    assert Feedback.check_scalar("v", 1, 2, report_failure=False) is False
    assert said() == ""


@pytest.mark.parametrize(("score", "points"), [(0.5, 0.5), (7, 1.0), (-1, 0.0), (True, 1.0), (float("nan"), 0.0)])
def test_set_score(book, score, points):
    Feedback.set_score(score)
    assert book.test.points == points


def test_call_user_returns():
    assert Feedback.call_user(lambda a, *, b: a + b, 1, b=2) == 3


def test_call_user_with_a_failing_callable(book):
    book.texts = texts.ORIGINAL
    book.test.points = 0.7

    def broken():
        raise ValueError("no")

    with pytest.raises(GradingComplete):
        Feedback.call_user(broken)
    assert said().startswith(
        "The callable 'broken' supplied in your code failed with an exception while it was being called by the "
        "grading code:Traceback (most recent call last):\n"
    )
    assert said().endswith("ValueError: no\n\n")
    assert book.test.points == 0


def test_call_user_with_nothing_to_call(book):
    book.test.points = 0.7
    with pytest.raises(GradingComplete):
        Feedback.call_user(3)
    assert book.test.points == 0


def test_call_user_in_the_clearer_wording():
    scope = {}
    exec(compile("def broken(): return {}[1]", "/grade/run/user_code.py", "exec"), scope)
    with pytest.raises(TestComplete):
        Feedback.call_user(scope["broken"], stop_on_exception=False)
    assert said().startswith(
        "The callable 'broken' supplied in your code failed with an exception while it was being called by the "
        "grading code:\nTraceback (most recent call last):\n"
    )


def test_call_user_can_stop_this_test_only():
    with pytest.raises(TestComplete):
        Feedback.call_user(None, stop_on_exception=False)
    assert said() == (
        "Your code was supposed to supply a function or callable, but the variable you supplied was not callable.\n"
    )


def test_call_user_lets_system_exit_pass():
    with pytest.raises(SystemExit):
        Feedback.call_user(exit, 3)


def test_not_allowed():
    with pytest.raises(RuntimeError, match=r"^The use of this function is not allowed\.$"):
        Feedback.not_allowed(1, a=2)


def test_where_feedback_goes(book):
    Feedback.add_feedback("one")
    Feedback.set_main_output()
    Feedback.add_feedback("two")
    Feedback.set_name("test_1")
    Feedback.add_iteration_prefix(2)
    Feedback.add_feedback("three")
    Feedback.add_iteration_prefix(3)
    Feedback.clear_iteration_prefix()
    Feedback.add_feedback("four")
    assert book.read("test_0") == "one\n"
    assert book.read("") == "two\n"
    assert book.read("test_1") == "\nFeedback for case 2\n---------------------\nthree\nfour\n"


def test_feedback_before_any_name():
    Feedback.book = Book()
    with pytest.raises(NoTestNamed):
        Feedback.add_feedback("lost")
