"""Pictures drawn with what is done once: the same to the byte as Matplotlib's own, for plots of many kinds."""

from __future__ import annotations

import contextlib
import datetime
import io
import itertools
import sys
from types import FunctionType

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.axis
import matplotlib.pyplot as plt
import matplotlib.text
import numpy as np
import pytest
from matplotlib import ticker

from slashgrade_python import drawing, figures

X = np.linspace(0.5, 7, 40)


def line():
    plt.plot(X, np.sin(X), label="sin")
    plt.title("A title")
    plt.xlabel("x")
    plt.ylabel("y")


def points_and_legend():
    plt.scatter(X, X**2, c=X, s=20 * X)
    plt.plot(X, X**2, "r--", marker="o", label="two words")
    plt.legend(title="Legend", loc="upper left")
    plt.grid(True)


def bars():
    plt.bar(["one", "two", "three", "four"], [1, 20, 3, 4], color="tab:green")
    plt.xticks(rotation=45, ha="right")


def histogram():
    plt.hist(np.sin(X), bins=12, orientation="horizontal")


def image_with_colours():
    shown = plt.imshow(np.outer(X, X), extent=(0, 1e7, 0, 3), aspect="auto")
    plt.colorbar(shown, label="a bar")


def logarithms():
    plt.loglog(X, 10 ** (3 * X))
    plt.title(r"$\frac{a}{b}$ and $x^2$")


def symmetric_logarithm_with_small_ticks():
    plt.semilogy(X, np.exp(X))
    plt.xscale("symlog")
    plt.minorticks_on()


def small_ticks():
    line()
    plt.minorticks_on()
    plt.tick_params(which="minor", labelbottom=True, length=7, color="r")


def offsets():
    plt.plot(X * 1e9, X * 1e-12 + 1)
    plt.title("above an offset")


def many_axes():
    figure, grid = plt.subplots(2, 2, sharex=True, sharey="row", figsize=(5, 7))
    for number, axes in enumerate(grid.flat):
        axes.plot(X, X**number)
        axes.set_title(f"number {number}\nin two lines")
        axes.label_outer()
    figure.suptitle("all of them")
    figure.align_ylabels()


def twins():
    line()
    other = plt.gca().twinx()
    other.plot(X, 1e6 * X, "g")
    other.set_ylabel("the other")
    plt.gca().twiny().set_xlim(5, -3)


def inset_and_second_axis():
    line()
    axes = plt.gca()
    inner = axes.inset_axes((0.6, 0.6, 0.3, 0.3), xlim=(1, 2), ylim=(0, 1))
    inner.plot(X, np.sin(X))
    inner.set_title("inside")
    axes.secondary_xaxis("top", functions=(lambda x: 2 * x, lambda x: x / 2))
    axes.indicate_inset_zoom(inner)


def polar():
    plt.polar(X, X)
    plt.title("round")


def in_space():
    axes = plt.figure().add_subplot(projection="3d")
    axes.plot(X, np.sin(X), np.cos(X))
    axes.set_zlabel("z")


def formatters():
    figure, (one, two) = plt.subplots(1, 2)
    one.plot(X, 1e5 * X)
    two.plot(X, 1e-5 * X)
    one.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{x:.3f} m"))
    two.yaxis.set_major_formatter(one.yaxis.get_major_formatter())
    two.xaxis.set_major_locator(ticker.FixedLocator([1, 2, 2.5]))
    figure.autofmt_xdate()


def shared_formatter_of_unlike_axes():
    figure, (one, two) = plt.subplots(2, 1, figsize=(4, 8))
    one.plot(X, 1e12 * X)
    two.plot(X, 3 * X + 5e5)
    two.yaxis.set_major_formatter(one.yaxis.get_major_formatter())
    figure.align_ylabels()
    one.set_title("one")
    two.set_title("two")


def dates():
    begin = datetime.datetime(2024, 2, 28)
    plt.plot([begin + datetime.timedelta(days=20 * n) for n in range(9)], range(9))


def texts():
    line()
    plt.text(2, 0, "a long text that is wrapped " * 4, wrap=True, bbox={"boxstyle": "round"})
    plt.text(3, 0.5, "turned", rotation=30, transform_rotates_text=True, rotation_mode="anchor")
    plt.text(3, -0.5, "left\nand right", rotation=90, ha="right", multialignment="center", linespacing=2)
    plt.annotate("here", xy=(2, 0.9), xytext=(4, 0.9), arrowprops={"arrowstyle": "->"})
    plt.figtext(0.1, 0.1, "$unfinished", parse_math=False)


def one_text_in_many_ways():
    ways = (
        [{"rotation": angle, "rotation_mode": mode} for angle in (0, 40) for mode in ("default", "anchor")]
        + [{"ha": side, "multialignment": other} for side in ("left", "right") for other in ("left", "center")]
        + [{"va": side, "linespacing": lines} for side in ("top", "bottom") for lines in (1, 2.5)]
        + [{"parse_math": parse, "fontsize": size, "ha": "center"} for parse in (True, False) for size in (7, 11)]
        + [{"wrap": True}, {"wrap": True, "va": "baseline"}]
        + [{"rotation": 30, "transform_rotates_text": True}]
    )
    for number, way in enumerate(ways):
        plt.text(0.1 + 0.21 * (number % 4), 0.95 - 0.2 * (number // 4), "$a^b$ and\nlong more words", **way)
    plt.text(3, 3, "turned", rotation=30, transform_rotates_text=True, transform=plt.gca().transData)
    plt.text(0.5, 0.2, "turned", rotation=30, transform_rotates_text=True, transform=plt.gca().transAxes)
    plt.axis((0, 1, 0, 5))
    for place in (0.3, 0.8):
        plt.text(place, 4.2, "the same words, cut at the edge of the figure " * 2, wrap=True)


class Turning(matplotlib.text.Text):
    """A student's own kind of text, which turns by where it is."""

    def get_rotation(self):
        return 90 * self._x


def own_texts():
    for place in (0.1, 0.5, 0.9):
        plt.gca().add_artist(Turning(place, 0.5, "the same"))


class Wandering(ticker.AutoLocator):
    """A student's own ticks: others each time."""

    asked = 0

    def __call__(self):
        self.asked += 1
        return [0.5 + self.asked / 10, 3]


def own_ticks():
    numbers = itertools.count()
    _, row = plt.subplots(1, 3)
    for axes in row:
        axes.plot(X, X)
        axes.set_title("with ticks of its own")
    row[0].yaxis.set_major_formatter(lambda x, _: f"{x} asked {next(numbers)}")
    row[1].yaxis.set_major_locator(Wandering())
    row[2].yaxis.set_minor_locator(Wandering())


def ticks_changed():
    line()
    axes = plt.gca()
    first = axes.xaxis.get_major_ticks(1)[0]
    first.label1.set_color("red")
    first.gridline.set_visible(True)
    first.tick1line.set_ydata([0.5])
    axes.yaxis.get_major_ticks()[1].label1.set_bbox({"facecolor": "yellow"})
    axes.tick_params(axis="y", rotation=20, labelsize="small", direction="in", pad=9, grid_alpha=0.3, right=True)
    axes.get_yticklabels()[2].set_fontweight("bold")


def ticks_given():
    line()
    plt.xticks([1, 2, 6], ["one", "", "six"], fontsize=7)
    plt.yticks([])


def tight():
    line()
    plt.tight_layout()


def constrained():
    _, axes = plt.subplots(1, 3, layout="constrained")
    axes[1].plot(X, 100 * X)
    axes[2].set_title("wider than its axes are")
    axes[2].set_ylabel("y")


def square_and_inverted():
    line()
    plt.axis("equal")
    plt.gca().invert_yaxis()
    plt.gca().xaxis.tick_top()
    plt.gca().xaxis.set_label_position("top")


def no_axes_shown():
    line()
    plt.axis("off")


def fine():
    plt.figure(figsize=(3, 2), dpi=220)
    line()


def styled():
    with plt.style.context(
        ["ggplot", {"axes.grid": True, "font.family": "serif", "axes.formatter.use_mathtext": True}]
    ):
        line()
        plt.plot(X, 1e8 * X)


def cut_to_what_is_drawn():
    line()
    mpl.rcParams["savefig.bbox"], mpl.rcParams["savefig.dpi"] = "tight", 150


def nothing():
    plt.plot([], [])
    plt.title("nothing")


PLOTS = [
    value for value in list(globals().values()) if isinstance(value, FunctionType) and value.__module__ == __name__
]


def picture(make, around):
    """Return what a plot looks like, as PNG."""
    plt.close("all")
    file = io.BytesIO()
    with mpl.rc_context():
        make()
        with around():
            plt.gcf().savefig(file, format="png", pil_kwargs=figures.COMPRESSION)
    return file.getvalue()


@pytest.mark.parametrize("make", PLOTS, ids=lambda make: make.__name__)
def test_picture_is_matplotlibs_own(make):
    own = picture(make, contextlib.nullcontext)
    assert picture(make, drawing.once) == own


@pytest.mark.parametrize("make", [line, ticks_changed, many_axes, symmetric_logarithm_with_small_ticks])
def test_figure_goes_on_as_ever(make):
    """A figure that was drawn so may be changed, looked at and drawn again, in either way."""
    pictures = []
    for around in (contextlib.nullcontext, drawing.once):
        picture(make, around)
        plt.xlim(-3, 12)
        plt.gca().get_xticklabels()[1].set_color("green")
        plt.gca().get_xticklabels()[2].set_fontsize(20)
        plt.gca().xaxis.get_major_ticks()[3].tick1line.set_marker("x")
        plt.title("changed")
        labels = [label.get_text() for label in plt.gca().get_xticklabels()]
        file = io.BytesIO()
        with around():
            plt.savefig(file, format="png")
        pictures.append((labels, file.getvalue()))
    assert pictures[0] == pictures[1]


def counted(monkeypatch, kind, name):
    """Count the calls of a method, of Matplotlib's module."""
    calls, asked = [], getattr(kind, name)

    def method(self, *args, **kwargs):
        calls.append(self)
        return asked(self, *args, **kwargs)

    method.__module__ = asked.__module__
    monkeypatch.setattr(kind, name, method)
    return calls


@pytest.mark.parametrize(
    ("kind", "name", "at_most"),
    [
        (matplotlib.axis.XTick, "__init__", 1),
        (matplotlib.axis.Axis, "_update_ticks", 2),
        (matplotlib.text.Text, "_get_layout", 25),
    ],
)
def test_what_is_done_once(monkeypatch, kind, name, at_most):
    line()
    plt.close("all")
    line()
    calls = counted(monkeypatch, kind, name)
    file = io.BytesIO()
    with drawing.once():
        plt.gcf().savefig(file)
    assert 0 < len(calls) <= at_most
    plt.close("all")
    line()
    calls.clear()
    plt.gcf().savefig(file)
    assert len(calls) > 2 * at_most


def test_matplotlib_is_itself_again():
    before = [vars(kind).copy() for kind in (matplotlib.axis.Axis, matplotlib.text.Text)]
    with pytest.raises(ZeroDivisionError), drawing.once():
        raise ZeroDivisionError
    assert [vars(kind).copy() for kind in (matplotlib.axis.Axis, matplotlib.text.Text)] == before


def test_what_a_student_replaced_is_used(monkeypatch):
    asked = matplotlib.text.Text._get_layout
    calls = []

    def own(self, renderer):
        calls.append(self)
        return asked(self, renderer)

    line()
    monkeypatch.setattr(matplotlib.text.Text, "_get_layout", own)
    with drawing.once():
        assert matplotlib.text.Text._get_layout is own
        plt.gcf().savefig(io.BytesIO())
    assert len(calls) > 50


@pytest.mark.parametrize("module", ["text", "axis", "axes", "ticker"])
def test_without_a_module_of_matplotlibs(monkeypatch, module):
    own = picture(line, contextlib.nullcontext)

    def without():
        line()
        monkeypatch.delitem(sys.modules, f"matplotlib.{module}")

    assert picture(without, drawing.once) == own


@pytest.mark.parametrize("grounds", ["_of_layout", "_of_ticks", "_is_plain"])
def test_what_cannot_be_told_is_asked(monkeypatch, grounds):
    own = picture(line, contextlib.nullcontext)
    for found in (lambda *_: ([], None), lambda *_: 3 if grounds != "_is_plain" else 0, lambda *_: 1 / 0):
        monkeypatch.setattr(drawing, grounds, found)
        assert picture(line, drawing.once) == own
