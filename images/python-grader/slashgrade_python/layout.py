"""How /grade is laid out: where submissions, tests and results lie, and who may read them.

A job comes as ``student/ tests/ data/ serverFilesCourse/ shared/``. Programs run in ``run/``, which holds the student's
files and, over them, the tests' files, except those that are secret. Secret files wait in a directory of root's until
the tester has read them; then they are nowhere on disk.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

#: Files of ``tests/`` that a student must not read.
SECRET = ("ans.py", "setup_code.py", "test.py", "leading_code.py", "trailing_code.py")


#: Bytes set aside for the result: as many as the platform reads at most.
RESERVE = 1 << 20


class Layout:
    """The directories of one job."""

    def __init__(self, root: Path = Path("/grade")) -> None:
        self.root = root
        self.run = root / "run"
        self.results = root / "results"
        self.result = self.results / "results.json"
        #: Holds RESERVE bytes from the start, and becomes ``result``: student code may use up the disk or its inodes.
        self.partial = self.results / ".results.json"
        #: Where secret files wait, readable by root only; gone once the tester has read them.
        self.secrets = root / ".secrets"
        #: The directory that secret files are compiled as lying in: what tracebacks and ``__file__`` show.
        self.shown = self.run / "filenames"
        #: Names of files and directories in ``run`` that come from the tests, and of those that were submitted.
        self.from_tests: frozenset[str] = frozenset()
        self.submitted: frozenset[str] = frozenset()

    def prepare(self) -> None:
        """Move the job's files to where programs run, hide the secret ones, and make ``results/`` root's own."""
        self._own_root()
        self.run.mkdir(exist_ok=True)
        self.secrets.mkdir(mode=0o700)
        self._results_of_root()
        self._set_space_aside()
        for name in SECRET:
            if os.path.lexists(self.root / "tests" / name):
                _move(self.root / "tests" / name, self.secrets)
        _move(self.root / "data" / "data.json", self.secrets)
        submitted = _move_all(self.root / "student", self.run)
        self.from_tests = _move_all(self.root / "tests", self.run)
        self.submitted = submitted - self.from_tests
        _give_to_root(self.run)
        _shut(self.root / "serverFilesCourse")
        os.chmod(self.run, 0o1777)  # noqa: S103 - as /tmp: programs of two users write files here

    def _own_root(self) -> None:
        """Let all users into /grade, and none but its owner rename what lies there, whatever the host gave it."""
        mode = stat.S_IMODE(self.root.stat().st_mode)
        wanted = mode & ~0o022 | 0o055
        if mode != wanted:
            _try(os.chmod, self.root, wanted)

    def _results_of_root(self) -> None:
        if self.results.is_symlink() or (self.results.exists() and not self.results.is_dir()):
            self.results.unlink()
        self.results.mkdir(exist_ok=True)
        _try(os.chown, self.results, os.geteuid(), os.getegid())
        _try(os.chmod, self.results, 0o755)

    def write_result(self, text: str) -> None:
        """Write results.json, replacing whatever has that name; no link is followed."""
        self._results_of_root()
        try:
            self._write(text.encode())
        except OSError as error:
            print(f"{self.partial}: {error.strerror}; removing what programs wrote, to make room", file=sys.stderr)
            shutil.rmtree(self.run, ignore_errors=True)
            _clear_away(self.partial)
            self._write(text.encode())

    def _set_space_aside(self) -> None:
        for path in (self.partial, self.result):
            _clear_away(path)
        try:
            with open(os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE)
        except OSError as error:  # what writes the result then has to make room
            print(f"{self.partial}: {error.strerror}", file=sys.stderr)

    def _write(self, data: bytes) -> None:
        _clear_away(self.result)
        if not _is_ours(self.partial):
            _clear_away(self.partial)
        self._fill(data)
        os.chmod(self.partial, 0o644)
        os.rename(self.partial, self.result)

    def _fill(self, data: bytes) -> None:
        """Write ``data`` over what ``partial`` holds; only then cut off what is left of it."""
        with open(os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600), "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            file.truncate()


def _is_ours(path: Path) -> bool:
    """Return whether ``path`` is a file that this process made: no link, and under no other name."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()


def _clear_away(path: Path) -> None:
    """Make the name ``path`` free."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _move_all(source: Path, target: Path) -> frozenset[str]:
    """Move everything but dot files; return the names of what was moved.

    A file replaces a file; what cannot be moved is only reported.
    """
    try:
        names = sorted(os.listdir(source))
    except OSError as error:
        print(f"{source}: {error.strerror}", file=sys.stderr)
        return frozenset()
    # A submitted file with a secret file's name must not stand in for it.
    return frozenset(
        name for name in names if not name.startswith(".") and name not in SECRET and _move(source / name, target)
    )


def _move(path: Path, folder: Path) -> bool:
    try:
        os.rename(path, folder / path.name)
    except OSError as error:
        print(f"cannot move {path} to {folder}: {error.strerror}", file=sys.stderr)
        return False
    return True


def _give_to_root(folder: Path) -> None:
    """Let everybody read all files under ``folder`` and only root change them."""
    uid, gid = os.geteuid(), os.getegid()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            _try(os.lchown, path, uid, gid)
            if not os.path.islink(path):
                _try(os.chmod, path, 0o755)


def _shut(folder: Path) -> None:
    """Let only their owner change the files under ``folder``: the tests import modules from there."""
    for parent, _, files in os.walk(folder):
        for path in (parent, *(os.path.join(parent, name) for name in files)):
            mode = os.lstat(path).st_mode
            if mode & 0o022 and not stat.S_ISLNK(mode):
                _try(os.chmod, path, stat.S_IMODE(mode) & ~0o022)


def _try(call: object, *arguments: object) -> None:
    """Call something that only root can do; without root the job is graded all the same."""
    try:
        call(*arguments)  # type: ignore[operator]
    except OSError as error:
        print(f"{arguments[0]}: {error.strerror}", file=sys.stderr)
