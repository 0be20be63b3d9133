"""Large pages of memory for what a warm-up has loaded.

At each fork the kernel copies an entry for every page, and at each exit it takes one apart: some twenty thousand for
the libraries of a warm-up, a third of a small job's processor time. A large page has one entry for 512 others. The
kernel makes them of memory that lies together; where it does not, or is too old (before Linux 6.1), all goes on as it
was.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

#: Bytes of a large page, on the processors that the image is built for.
LARGE = 2 << 20
#: What madvise(2) calls the request; module mmap does not know it.
COLLAPSE = 25
#: Bytes that the small objects of a warm-up's libraries take, measured: some 40 MB.
SMALL_OBJECTS = 40 << 20
#: Bytes of the largest object that counts as small (SMALL_REQUEST_THRESHOLD of Objects/obmalloc.c).
SMALL = 512


def arenas(size: int = SMALL_OBJECTS) -> list[bytes]:
    """Have Python take memory for ``size`` bytes of small objects now: later it would lie in gaps between libraries.

    Returns objects that hold it until others do.
    """
    objects = [bytes(SMALL - sys.getsizeof(b"")) for _ in range(size // SMALL)]
    return list({id(each) >> 20: each for each in objects}.values())


def gather() -> None:
    """Ask the kernel to put this process's memory into large pages as far as it can."""
    ctypes: Any = importlib.import_module("ctypes")  # heavy, and loaded by then
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for begin, end in _memory():
        madvise(begin, end - begin, COLLAPSE)


def _memory() -> Iterator[tuple[int, int]]:
    """Return the parts of this process's own memory that could be large pages: begin and end."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        place, rights, *_, inode = line.split()[:5]
        if not rights.startswith("rw") or inode != "0":
            continue
        begin, end = (int(number, 16) for number in place.split("-"))
        begin, end = -(-begin // LARGE) * LARGE, end // LARGE * LARGE
        if begin < end:
            yield begin, end
