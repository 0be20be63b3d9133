"""Records what each import loads, when the image is built: for ``slashgrade_python/shelf.py``.

    python recorder.py warm.txt > loads.json

warm.txt names the modules that a warm-up imports, one a line. The result is ``{"names": [...], "sets": [[...], ...],
"closures": {...}}``: by module, the place in ``sets`` of the set of all modules that a fresh interpreter has after
importing it alone, which are places in ``names``. Few sets differ, and a warm-up has them in memory.

Every import is done in a process of its own. Those of a package's modules are forked from one that has the package: it
is imported before them in any case.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

Closures = dict[str, list[str]]


def main(listed: str) -> None:
    """Print what importing each module loads that is loaded once all of the file ``listed`` are."""
    warm = Path(listed).read_text(encoding="utf-8").split()
    packages: dict[str, list[str]] = {}
    for name in _in_child(lambda: _import(warm))["all"]:
        packages.setdefault(name.partition(".")[0], []).append(name)
    closures: Closures = {}
    for package, names in packages.items():
        if package != "__main__":
            closures |= _in_child(lambda package=package, names=names: dict(_of_package(package, names)))
    names = sorted({name for closure in closures.values() for name in closure})
    numbers = {name: number for number, name in enumerate(names)}
    sets: dict[tuple[int, ...], int] = {}
    places = {
        name: sets.setdefault(tuple(numbers[each] for each in closure), len(sets)) for name, closure in closures.items()
    }
    json.dump({"names": names, "sets": list(sets), "closures": places}, sys.stdout)


def _of_package(package: str, names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Import ``package`` here, and each of its other modules in a child."""
    own = _import([package])["all"]
    for name in names:
        yield name, own if name in own else _in_child(lambda name=name: _import([name]))["all"]


def _import(names: list[str]) -> Closures:
    for name in names:
        try:
            __import__(name)
        except Exception as error:
            print(f"{name}: {error}", file=sys.stderr)
    return {"all": list(sys.modules)}


def _in_child(work) -> Closures:  # type: ignore[no-untyped-def]
    """Return what ``work`` returns in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as pipe:
            json.dump(work(), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        made: Closures = json.load(pipe)
    os.waitpid(child, 0)
    return made


if __name__ == "__main__":
    main(sys.argv[1])
