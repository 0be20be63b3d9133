"""Standard output and standard error, which student code can spoil."""

from __future__ import annotations

import io
import os
import sys
import threading
import time

import pytest

from slashgrade_python import console


@pytest.mark.parametrize("blocking", [True, False])
def test_a_log_that_nobody_reads_fails_nothing(blocking, monkeypatch):
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.FileIO(writing, "w", closefd=False), encoding="utf-8"))
        monkeypatch.setattr(sys, f"__{name}__", sys.stderr)
    console.settle()
    begun = time.monotonic()
    for _ in range(300):
        print("x" * 10_000, file=sys.stderr)
    assert time.monotonic() - begun < 5
    os.close(reading)
    print("y", file=sys.stderr, flush=True)
    os.close(writing)


def test_a_log_that_is_read_loses_nothing(monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO(writing, "w", closefd=False), encoding="utf-8"))
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "__stdout__", None)
    console.settle()
    lines = [f"line {number}: {'é' * number}\n" for number in range(2000)]
    got = []
    reader = threading.Thread(target=lambda: got.append(io.FileIO(reading).readall().decode()))
    reader.start()
    for line in lines:
        sys.stdout.write(line)
    sys.stdout.flush()
    os.close(writing)
    reader.join()
    assert got == ["".join(lines)]
