"""Running a job in the image, as the runner does: /grade a tmpfs, few capabilities, no network, no terminal."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL")
SCRIPT = (
    "tar -C /grade -xf - --no-same-owner && exec 3>&1 && "
    "/python_autograder/run.sh </dev/null >/tmp/log 2>&1; code=$?; cat /tmp/log >&2; "
    "cat /grade/results/results.json >&3; exit $code"
)

#: The same, where the host lets everybody write to all files.
DIRTY = f"umask 0 && tar -C /grade -xf - --no-same-owner && chmod -R 777 /grade && exec 3>&1 && {SCRIPT.partition('exec 3>&1 && ')[2]}"

#: A test file with one test of one point: the code after ``test`` stands in its body.
HEAD = """\
from pl_helpers import name, not_repeated, points
from pl_unit_test import PLTestCase, PLTestCaseWithPlot
from code_feedback import Feedback
"""


def _docker(memory: str, disk: str) -> list[str]:
    command = ["docker", "run", "--rm", "-i", "--network=none", "--cap-drop=ALL", f"--memory={memory}"]
    command += [f"--memory-swap={memory}", "--pids-limit=256"]
    command += [f"--cap-add={name}" for name in CAPABILITIES]
    return [*command, "--security-opt=no-new-privileges", f"--tmpfs=/grade:exec,nosuid,nodev{disk}"]


@dataclass
class Graded:
    """What came of a job."""

    results: dict[str, Any]
    log: str
    status: int

    @property
    def tests(self) -> list[tuple[str, float, float]]:
        return [(test["name"], test["points"], test["max_points"]) for test in self.results.get("tests", [])]

    def message(self, name: str | None = None) -> str:
        return next((t.get("message", "") for t in self.results["tests"] if name in (None, t["name"])), "")


def files(
    student: str | bytes | None = "",
    test: str = "",
    ans: str = "",
    setup: str = "",
    names: str = "f x",
    given: str = "",
    data: dict[str, Any] | None = None,
    more: dict[str, str | bytes | None] | None = None,
) -> dict[str, str | bytes | None]:
    """Return a job's files by path; None leaves one out."""
    params = {"names_from_user": [{"name": n} for n in names.split()]}
    if given:
        params["names_for_user"] = [{"name": n} for n in given.split()]
    content: dict[str, str | bytes | None] = {
        "student/user_code.py": student,
        "tests/test.py": test,
        "tests/ans.py": ans,
        "tests/setup_code.py": setup,
        "data/data.json": json.dumps(data if data is not None else {"params": params, "variant_seed": 7}),
        "serverFilesCourse/": None,
        "shared/": None,
    }
    content.update(more or {})
    return {path: text for path, text in content.items() if text is not None or path.endswith("/")}


def one_test(body: str, base: str = "PLTestCase", attributes: str = "") -> str:
    """Return a test.py whose class has one test, ``check``, worth one point."""
    lines = [f"class Test({base}):"]
    lines += [f"    {line}" for line in attributes.splitlines()]
    lines += ["    @points(1)", "    @name('check')", "    def test_0(self):"]
    lines += [f"        {line}" for line in body.splitlines()]
    return HEAD + "\n".join(lines) + "\n"


def _tar(*contents: Mapping[str, str | bytes | None]) -> bytes:
    """Return a tar of a job, or of several below folders of their numbers."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number, content in enumerate(contents):
            _add(tar, f"{number}/" if len(contents) > 1 else "", content)
    return out.getvalue()


def _add(tar: tarfile.TarFile, prefix: str, content: Mapping[str, str | bytes | None]) -> None:
    for folder in ("student", "tests", "data", "serverFilesCourse", "shared"):
        entry = tarfile.TarInfo(prefix + folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
    for path, text in content.items():
        if path.endswith("/"):
            continue
        data = text.encode() if isinstance(text, str) else text or b""
        entry = tarfile.TarInfo(prefix + path)
        entry.size, entry.mode = len(data), 0o644
        tar.addfile(entry, io.BytesIO(data))


EXAMPLES = Path(__file__).parent.parent / "examplejobs" / "jobs"


@dataclass
class Example:
    """An example job; the Go test beside it tells the format of its file."""

    files: dict[str, bytes]
    #: Seconds.
    timeout: float
    #: Variables as ``KEY=value``.
    environment: list[str]
    #: Whether it needs a container of its own, with little memory.
    is_small: bool


def example(name: str) -> Example:
    """Return the example job of a name."""
    parts: dict[str, str] = {}
    part = None
    for line in (EXAMPLES / f"{name}.txtar").read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("-- ") and line.endswith(" --\n"):
            part = line[3:-4]
            parts[part] = ""
        elif part:
            parts[part] += line
    settings = json.loads(parts.get("job.json", "{}"))
    timeout = settings.get("timeout", 20)
    env = {"SLASHGRADE_TIMEOUT_SECONDS": timeout} | settings.get("environment", {})
    return Example(
        files={path.removesuffix(QUOTED): _content(path, text) for path, text in parts.items() if "/" in path},
        timeout=timeout,
        environment=[f"{key}={value}" for key, value in env.items() if value is not None],
        is_small="memory_mib" in settings,
    )


#: Ends the name of a part that is written as Go's string literals, one a line.
QUOTED = " (quoted)"


def _content(path: str, text: str) -> bytes:
    if not path.endswith(QUOTED):
        return text.encode()
    literals = "".join(line.strip()[1:-1] for line in text.splitlines())
    return literals.encode().decode("unicode_escape").encode("latin-1")


MANY_GUEST = (Path(__file__).parent / "manyguest.py").read_text(encoding="utf-8")


def run_many(image: str, examples: list[Example]) -> list[list[dict[str, Any]]]:
    """Grade jobs in one container, each cold and warmed, with one seed; manyguest.py tells what it returns."""
    jobs = [{"env": ["SLASHGRADE_SEED=5", *each.environment], "timeout": each.timeout} for each in examples]
    command = [
        *_docker("2g", ",size=512m"),
        "--entrypoint=/venv/bin/python",
        image,
        "-sP",
        "-c",
        MANY_GUEST,
        json.dumps(jobs),
    ]
    trees = _tar(*(each.files for each in examples))
    done = subprocess.run(command, input=trees, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [json.loads(line) for line in done.stdout.splitlines()]


GUEST = (Path(__file__).parent / "guest.py").read_text(encoding="utf-8")


def run_by_guest(
    image: str,
    content: Mapping[str, str | bytes | None],
    way: str,
    *env: str,
    spoil: str = "",
    bounds: tuple[str, str] = ("1g", ""),
) -> dict[str, Any]:
    """Grade a job in the image under the stand-in for the runner's guest; guest.py tells the ways and what it returns.

    spoil: as for guest.py. bounds: memory, and those of /grade as options of a tmpfs.
    """
    spoiled = [f"--env=SPOIL={spoil}"] if spoil else []
    command = [*_docker(*bounds), *spoiled, "--entrypoint=/venv/bin/python", image, "-c", GUEST, way, *env]
    done = subprocess.run(command, input=_tar(content), capture_output=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run(
    image: str,
    content: dict[str, str | bytes | None],
    env: dict[str, str] | None = None,
    memory: str = "1g",
    disk: str = "",
    user: str = "",
    script: str = SCRIPT,
) -> Graded:
    """Grade a job in the image. disk: bounds of /grade, as options of a tmpfs. user: another one than root."""
    command = [*_docker(memory, disk), "--entrypoint=sh", *([f"--user={user}"] if user else [])]
    for key, value in (env or {}).items():
        command.append(f"--env={key}={value}")
    done = subprocess.run(
        [*command, image, "-c", script], input=_tar(content), capture_output=True, check=False, timeout=90
    )
    text = done.stdout.decode()
    return Graded(json.loads(text) if text else {}, done.stderr.decode(errors="replace"), done.returncode)
