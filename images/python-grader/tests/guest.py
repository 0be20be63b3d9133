"""A stand-in for the runner's guest: runs in the container, and does with a warm-up what the guest does.

Its standard input is the job's files as a tar. Its arguments are the way (``cold``: the entrypoint; ``warm``: a
warm-up that gets a job; ``eof``: one that gets none; ``bereft=WHO``: one that gets a job after some of its processes
were killed; ``stopped=WHO``: were stopped) and the job's environment. It prints one line of JSON: what the job left, and how much processor time it
took from "go" on.

SPOIL in its environment is what the image's own code has become: ``MODULE:TEXT``, put at the end of a module.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ENTRYPOINT = ["/python_autograder/run.sh"]
WARMUP = shlex.split("/python_autograder/warmup.sh")


def used() -> float:
    """Return the processor seconds of this container so far, on cgroup v1 or v2."""
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as file:
            return int(file.read()) / 1e9
    except OSError:
        with open("/sys/fs/cgroup/cpu.stat") as file:
            return int(file.readline().split()[1]) / 1e6


def environment(entries: list[str]) -> list[str]:
    """Return the environment that the guest gives: the image's, the job's, and what is missing."""
    made = dict(os.environ) | {"TERM": "xterm"} | dict(entry.split("=", 1) for entry in entries)
    return [f"{key}={value}" for key, value in made.items()]


def start(command: list[str], env: dict[str, str], log, descriptor: int | None) -> subprocess.Popen:
    """Start a program, with ``descriptor`` as its number 3."""

    def put() -> None:
        if descriptor is not None:
            os.dup2(descriptor, 3)

    return subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=() if descriptor is None else (3,),
        preexec_fn=put,
    )


def spoil(module: str, text: str) -> None:
    """Put ``text`` at the end of a module of the grader's."""
    folder = Path("/python_autograder/slashgrade_python")
    with open(folder / f"{module}.py", "a") as file:
        file.write(text)
    for compiled in (folder / "__pycache__").glob(f"{module}.*"):
        compiled.unlink()


def children(pid: int) -> list[int]:
    """Return the child processes of one, the oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def bereave(guard: int, who: str, number: signal.Signals, state: str) -> None:
    """Send a signal to processes of a warm-up, and wait until they are in the state of that letter."""
    (supervisor,) = children(guard)
    student, tester = children(supervisor)
    named = {"supervisor": [supervisor], "student": [student], "tester": [tester], "both": [student, tester]}
    for pid in named[who]:
        os.kill(pid, number)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
            time.sleep(0.01)


def main(way: str, *entries: str) -> None:
    """Run a job."""
    if "SPOIL" in os.environ:
        spoil(*os.environ.pop("SPOIL").split(":", 1))
    env = environment(list(entries))
    log = open("/tmp/log", "wb")  # noqa: SIM115
    ready, tasks = None, []
    if way != "cold":
        ours, theirs = socket.socketpair()
        if theirs.fileno() == 3:  # dup2 onto itself would leave it closed in the child
            theirs = socket.socket(fileno=os.dup(3))
        grader = start(WARMUP, dict(os.environ), log, theirs.fileno())
        theirs.close()
        stream = ours.makefile("rwb")
        ready = json.loads(stream.readline())
        tasks = [len(os.listdir(f"/proc/{name}/task")) for name in os.listdir("/proc") if name.isdigit()]
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
        tar.extractall("/grade", filter="data")
    way, _, who = way.partition("=")
    if way == "bereft":
        bereave(grader.pid, who, signal.SIGKILL, "Z")
    elif way == "stopped":
        bereave(grader.pid, who, signal.SIGSTOP, "T")
    begun, before = time.monotonic(), used()
    if way in ("warm", "bereft", "stopped"):
        order = {"argv": ENTRYPOINT, "env": env, "timeout": 30}
        stream.write(json.dumps(order).encode() + b"\n")
        stream.flush()
        stream.close()
        ours.close()
    elif way == "eof":
        stream.close()
        ours.close()
    else:
        grader = start(ENTRYPOINT, dict(entry.split("=", 1) for entry in env), log, None)
    status = grader.wait()
    spent = {"cpu": used() - before, "wall": time.monotonic() - begun}
    with open("/tmp/log", encoding="utf-8", errors="replace") as file:
        left = {"status": status, "ready": ready, "tasks": tasks, "log": file.read()}
    try:
        with open("/grade/results/results.json") as file:
            left["results"] = json.load(file)
    except OSError as error:
        left["results"] = str(error)
    print(json.dumps(spent | left))


if __name__ == "__main__":
    main(*sys.argv[1:])
