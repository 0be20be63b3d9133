"""A question's files, read once and removed from disk."""

from __future__ import annotations

import json
import linecache
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slashgrade_python.layout import SECRET, Layout
from slashgrade_python.outcomes import QuestionFault

REQUIRED = ("setup_code.py", "ans.py", "test.py")


@dataclass(frozen=True)
class Question:
    """What the question says: code as text, and the variant's data."""

    #: Source by file name; optional files that are not there are empty.
    sources: dict[str, str]
    #: data.json, as PrairieLearn wrote it.
    data: dict[str, Any]
    #: Directory that the sources are compiled as lying in, so that tracebacks and ``__file__`` name a place.
    folder: Path

    @classmethod
    def read(cls, layout: Layout) -> Question:
        """Read the secret files of ``layout`` and remove them, also if one of them is missing or broken.

        Raises QuestionFault naming the file that is missing or cannot be read.
        """
        try:
            sources = {name: _text(layout.secrets / name, name in REQUIRED) for name in SECRET}
            data = _data(layout.secrets / "data.json")
        finally:
            _remove(layout.secrets)
        return cls(sources=sources, data=data, folder=layout.shown)

    @property
    def names_from_user(self) -> list[str]:
        """Names that the student's code must define. Raises QuestionFault if the question does not say them."""
        try:
            return [str(item["name"]) for item in self.data["params"]["names_from_user"]]
        except (KeyError, TypeError) as error:
            raise QuestionFault("data['params']['names_from_user'] is missing or not a list of {name: …}") from error

    @property
    def names_for_user(self) -> list[str]:
        """Names of the setup code that the student's code is given."""
        try:
            return [str(item["name"]) for item in self.data["params"].get("names_for_user", [])]
        except (KeyError, TypeError, AttributeError) as error:
            raise QuestionFault("data['params']['names_for_user'] is not a list of {name: …}") from error

    def compiled(self, name: str) -> Any:
        """Return the code object of a source file; its lines are shown in tracebacks."""
        path, source = str(self.folder / name), self.sources[name]
        linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
        return compile(source, path, "exec", dont_inherit=True)


def _text(path: Path, required: bool) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        if required:
            raise QuestionFault(f"the question has no tests/{path.name}") from error
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionFault(f"tests/{path.name} cannot be read: {error}") from error


def _data(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError) as error:
        raise QuestionFault(f"data/data.json cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise QuestionFault("data/data.json is not an object")
    return data


def _remove(folder: Path) -> None:
    for name in os.listdir(folder):
        (folder / name).unlink()
    folder.rmdir()
