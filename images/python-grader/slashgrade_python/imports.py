"""Importing heavy libraries once, before the processes part, instead of in each of them.

Which ones, a look at the files tells. It is a look into memory-mapped files: nothing of the tests is copied to memory
that a student's process inherits.
"""

from __future__ import annotations

import importlib
import mmap
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from slashgrade_python import docstrings
from slashgrade_python.layout import Layout

#: Libraries worth sharing, and words in the files that call for them besides ``import``.
HEAVY = {
    "numpy": r"check_numpy_array",
    "pandas": r"check_dataframe",
    "matplotlib.pyplot": r"\(\s*PLTestCaseWithPlot|check_plot|include_plt\s*=\s*True",
    "scipy": r"scipy\.\w",
    "sympy": r"sympy\.\w",
    "networkx": r"networkx\.\w",
    "sklearn": r"sklearn\.\w",
    "faker": r"faker\.\w",
    "seaborn": r"seaborn\.\w",
    "skimage": r"skimage\.\w",
}
#: Without one of these in a file its words need not be looked for: compiling a pattern takes longer than this look.
_HINTS = {"pandas": (b"pandas", b"check_dataframe"), "matplotlib.pyplot": (b"matplotlib", b"Plot", b"plt", b"plot")}
_IMPORT = r"^[ \t]*(?:from|import)[ \t]+(?:[\w.,\t ]*[, \t])?{name}\b"

#: Keeps the libraries from starting threads when they are imported: OpenBLAS and OpenMP a thread for each further
#: processor, PyArrow's jemalloc one that tidies up. The processes are forked after that, and a fork of a process with
#: threads may inherit a lock that nobody will ever release: a grading that hangs, rarely. Those threads would bring
#: little besides: a job has about one processor.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}

#: The most bytes of a file that are looked at, and the most files.
BYTES, FILES = 1 << 20, 200


def asked(layout: Layout) -> list[str]:
    """Return the names of the libraries that the question's and the student's files will import."""
    shadows = _names_in(layout)  # the job brings modules of these names
    found: set[str] = set()
    for path in _sources(layout):
        found.update(_asked_in(path))
    return [name for name in HEAVY if name in found and name.partition(".")[0] not in shadows]


def ahead(names: Iterable[str]) -> None:
    """Import libraries. Sets ONE_THREAD in the environment."""
    os.environ.update(ONE_THREAD)
    for name in names:
        try:
            _import(name)
        except Exception as error:  # whoever imports it for real gets to see that
            print(f"{name}: {error}", file=sys.stderr)


def _import(name: str) -> None:
    if name.startswith("matplotlib"):
        with docstrings.recorded():
            importlib.import_module(name)
    else:
        importlib.import_module(name)


def wanted(text: bytes | mmap.mmap) -> list[str]:
    """Return the heavy libraries that a file's text asks for."""
    found = []
    for name, words in HEAVY.items():
        top = name.partition(".")[0]
        if all(text.find(hint) < 0 for hint in _HINTS.get(name, (top.encode(),))):
            continue
        if re.search(_IMPORT.format(name=top).encode(), text, re.MULTILINE) or re.search(words.encode(), text):
            found.append(name)
    return found


def _sources(layout: Layout) -> Iterable[Path]:
    files: list[Path] = []
    for folder in (layout.secrets, layout.run):
        files += [path for path in sorted(folder.iterdir()) if path.suffix in (".py", ".ipynb")]
    return files[:FILES]


def _asked_in(path: Path) -> list[str]:
    """Return the libraries that a file asks for. It is mapped, not read: none of it stays in memory."""
    try:
        with (
            open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file,
            mmap.mmap(file.fileno(), _size(file), access=mmap.ACCESS_READ) as text,
        ):
            return wanted(text)
    except (OSError, ValueError):  # empty, or no file
        return []


def _size(file: BinaryIO) -> int:
    return min(os.fstat(file.fileno()).st_size, BYTES)


def _names_in(layout: Layout) -> set[str]:
    """Return the names of modules that the job's files could shadow libraries with."""
    folders = [layout.run, *(Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry)]
    found = set()
    for folder in folders:
        if folder.is_dir():
            found |= {name.partition(".")[0] for name in os.listdir(folder)}
    return found
