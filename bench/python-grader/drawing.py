"""Times the drawing of one plot as Matplotlib does it and as the grader does, in turns, in a process of the image:

docker run --rm -i --network=none --entrypoint=/venv/bin/python slashgrade/python-grader:dev - < bench/python-grader/drawing.py

Prints medians in ms of processor time, and the median of the ratios. It ends with an error if the pictures differ.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import time

sys.path.insert(0, "/python_autograder")

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from slashgrade_python import drawing, figures

#: Counted rounds, after some in which Python makes the code faster that runs often.
ROUNDS, BEFORE = 60, 4


def drawn(around) -> tuple[bytes, float]:
    """Return the picture of a new plot, and the ms that its drawing took."""
    plt.close("all")
    plt.plot([1, 2, 3], [1, 4, 9])
    plt.title("Squares")
    file = io.BytesIO()
    begun = time.process_time()
    with around():
        plt.gcf().savefig(file, format="png", pil_kwargs=figures.COMPRESSION)
    return file.getvalue(), (time.process_time() - begun) * 1000


def main() -> None:
    """Measure."""
    rounds = []
    for number in range(BEFORE + ROUNDS):
        (own, usual), (ours, once) = (drawn(around) for around in (contextlib.nullcontext, drawing.once))
        if ours != own:
            sys.exit("the pictures differ")
        if number >= BEFORE:
            rounds.append((usual, once))
    usual, once = (statistics.median(column) for column in zip(*rounds))
    ratio = statistics.median(ours / own for own, ours in rounds)
    print(f"as Matplotlib draws it {usual:.1f} ms, done once {once:.1f} ms, ratio {ratio:.2f}")


main()
