"""Processes that student code has left behind: ended before the next student's process, whose place they would take."""

from __future__ import annotations

import contextlib
import os
import signal
import time

#: The most seconds that ending them may take. A pass over all processes takes some milliseconds.
PATIENCE = 2.0


def end(user: int) -> None:
    """End all processes of a user, also those that they start meanwhile, but give up after PATIENCE."""
    late = time.monotonic() + PATIENCE
    while (running := _running(user)) and time.monotonic() < late:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _running(user: int) -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_running(name, user)]


def _is_running(name: str, user: int) -> bool:
    try:
        with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if line.startswith(("State:", "Uid:")))
    except OSError:  # it has just ended
        return False
    return int(fields["Uid"].split()[0]) == user and fields["State"].split()[0] not in ("Z", "X")
