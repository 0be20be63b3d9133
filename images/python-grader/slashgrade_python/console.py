"""Standard output and standard error, on which nothing fails and nothing waits for long.

They are shared with student code, which can suspend a terminal's output, fill a pipe, or make writing to it an error.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any

#: Seconds for which a piece of text waits for whoever reads; after the first that waited in vain, none waits.
PATIENCE = 0.1
#: Bytes that a pipe takes at once when it says that it can be written to: PIPE_BUF of Linux.
PIECE = 4096


class _Console(io.FileIO):
    """A descriptor; what cannot be written is lost."""

    _patience = PATIENCE

    def write(self, data: Any, /) -> int:
        """Write ``data`` as far as that is possible. Returns its length."""
        view = memoryview(data).cast("B")
        for at in range(0, len(view), PIECE):
            try:
                self._write(view[at : at + PIECE])
            except OSError:
                break
        return len(view)

    def _write(self, piece: memoryview) -> None:
        while piece:
            poll = select.poll()
            poll.register(self.fileno(), select.POLLOUT)
            if not poll.poll(1000 * self._patience):
                self._patience = 0.0
                raise BlockingIOError
            piece = piece[os.write(self.fileno(), piece) :]


def settle() -> None:
    """Make standard output and standard error of this process, and of those it forks, such streams."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before this program began
            continue
        raw: Any = _Console(stream.fileno(), "wb", closefd=False)
        made = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
        )
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)
