"""A grading that has begun before its job is there: libraries are loaded, and what is left to do is the job itself.

A runner that keeps containers ready starts this in place of the entrypoint (the image's label ``slashgrade.warmup``),
with a socket as descriptor 3. When everything is loaded, one line of JSON says so; one line of JSON brings the job's
command and environment, and this process goes on as the entrypoint. Whatever the job could then find different is a
fault: ``shelf.py`` hides the libraries until they are imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from slashgrade_python import guard, imports, pages, shelf, supervisor
from slashgrade_python.supervisor import HOME, PATH_VARIABLE

#: Set where this process is to wait for its job.
VARIABLE = "SLASHGRADE_WARMUP"
DESCRIPTOR = 3
#: The most bytes of the line that brings the job: the contract's limit.
LINE_LIMIT = 4 << 20

#: Where the grader lies, with its entrypoint and what ``recorder.py`` recorded.
PLACE = Path(__file__).resolve().parent.parent
ENTRYPOINT = str(PLACE / "run.sh")
#: Folders of a job whose files could stand in for a library: they come before it on the import path.
FOLDERS = ("serverFilesCourse", "student", "tests")

#: Loaded besides the libraries of ``warm.txt``: the tester, which its process would otherwise load first.
OWN = "slashgrade_python.tester"
#: And the codecs of values that most jobs have, with the modules that each imports.
CODECS: dict[str, list[str]] = {
    "slashgrade_python.codecs": [],
    "slashgrade_python.codecs.numpy_codec": ["numpy"],
    "slashgrade_python.codecs.pandas_codec": ["numpy", "pandas"],
    "slashgrade_python.codecs.standard_codec": ["collections", "datetime", "decimal", "fractions"],
}
#: Variables that nothing has looked at yet. If any other is not as expected, the entrypoint is started anew.
UNREAD = frozenset(
    {"SLASHGRADE_TIMEOUT_SECONDS", "SLASHGRADE_SEED", "PL_SEED", "SLASHGRADE_TEXTS", "HOSTNAME", "TERM", "HOME", "PWD"}
)


def run() -> int:
    """Load everything, wait for the job, and grade it. Returns the exit status; 0 if no job comes.

    The guard's child loads: so it is not forked with all that is loaded, only what it forks itself.
    """
    del os.environ[VARIABLE]
    begun_with = dict(os.environ)
    ours, theirs = socket.socketpair()
    with socket.socket(fileno=DESCRIPTOR) as guest:
        child = guard.begin(lambda: _be_ready(theirs, (ours, guest)))
        theirs.close()
        ready = _line(ours)
        guest.sendall(ready)
        line = _line(guest) if ready else b""
    if not line:
        _dismiss(child, ours)
        return 0 if ready else 1
    started = time.monotonic()
    job = json.loads(line)
    given = dict(entry.split("=", 1) for entry in job["env"])
    if job["argv"] != [ENTRYPOINT] or not _is_as_begun(as_entrypoint(given), begun_with):
        _dismiss(child, ours)
        os.execvpe(job["argv"][0], job["argv"], given)  # noqa: S606 - what the guest asks for
    _take_environment(as_entrypoint(given))

    def begin() -> int:
        order = {"environment": dict(os.environ), "started": started}
        try:
            os.kill(child, signal.SIGCONT)  # one that somebody has stopped would keep the job waiting
            with ours:
                ours.sendall(json.dumps(order).encode() + b"\n")
        except OSError:  # it has ended meanwhile
            return guard.begin(lambda: supervisor.grade(started))
        return child

    return supervisor.run(started, begin)


def _be_ready(guard_end: socket.socket, others: tuple[socket.socket, ...]) -> None:
    """Be the guard's child: load everything, say so, and grade once the job is there."""
    for each in others:
        each.close()
    with guard_end:
        kept = _load()
        pair = supervisor.stand_by(kept, guard_end.fileno())
        ready = {
            "ready": True,
            "folders": FOLDERS,
            "names": [name for name in kept.packages if name != "slashgrade_python"],
        }
        guard_end.sendall(json.dumps(ready).encode() + b"\n")
        line = _line(guard_end)
    if not line:
        if pair:
            pair.dismiss()
        return
    job = json.loads(line)
    _take_environment(job["environment"])
    supervisor.grade(job["started"], pair)


def _dismiss(child: int, sock: socket.socket) -> None:
    """Have the guard's child end with all it has started: nobody needs it."""
    sock.close()
    os.waitpid(child, 0)


def _line(sock: socket.socket) -> bytes:
    """Return what comes up to the first line end; nothing if the other side hangs up before."""
    got = bytearray()
    while b"\n" not in got and len(got) <= LINE_LIMIT:
        piece = sock.recv(1 << 16)
        if not piece:
            return b""
        got += piece
    return bytes(got)


def _is_as_begun(expected: dict[str, str], begun_with: dict[str, str]) -> bool:
    names = expected.keys() | begun_with.keys()
    return {name for name in names if expected.get(name) != begun_with.get(name)} <= UNREAD


def _take_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def as_entrypoint(given: dict[str, str]) -> dict[str, str]:
    """Return the environment that ``run.sh`` makes of ``given`` for the grader."""
    made = {PATH_VARIABLE: given.get("PYTHONPATH", ""), "PYTHONPATH": str(PLACE)}
    return {"PWD": os.getcwd()} | given | made


def _load() -> shelf.Shelf:
    """Load everything and put it on the shelf."""
    os.environ |= imports.ONE_THREAD | {"HOME": HOME}
    mine: dict[str, list[str]] = {name: [] for name in (__name__, shelf.__name__, pages.__name__, supervisor.REHEARSAL)}
    there = sys.modules.keys() - mine
    held = pages.arenas()
    recorded = shelf.closures(PLACE / "loads.json") | mine
    importlib.import_module(OWN)
    recorded[OWN] = [name for name in sys.modules if name not in there | mine.keys()]
    for codec, imported in CODECS.items():
        recorded[codec] = [each for name in imported for each in recorded[name]]
    kept = shelf.Shelf(recorded)
    _import(kept)
    del held
    gc.collect()
    pages.gather()
    kept.put([name for name in sys.modules if name not in there])
    finder: Any = kept
    sys.meta_path.insert(0, finder)
    gc.freeze()
    return kept


def _import(kept: shelf.Shelf) -> None:
    """Import the libraries, and draw a plot: the first one loads more."""
    filters = list(warnings.filters)
    importlib.import_module("numpy")
    kept.put_filters("numpy", filters)
    for name in (PLACE / "warm.txt").read_text(encoding="utf-8").split():
        importlib.import_module(name)
    for name in CODECS:
        importlib.import_module(name)
    importlib.import_module(supervisor.REHEARSAL).draw(importlib.import_module)
    importlib.import_module("matplotlib.font_manager")._get_font.cache_clear()  # a fork does that anyway
