"""A stand-in for the runner's guest that grades many jobs in one container, each cold and warmed.

It loads the libraries once, as a warm-up does, and each warm-up is a fork of it that finds them loaded; everything after
that is the warm-up's own. After each job all processes are ended and all files of the job are removed.

Its standard input is a tar with a folder for each job: 0, 1, … Its argument is a list of what else they have, as JSON:
``{"env": [...], "timeout": seconds}``. It prints a line of JSON for each: ``[cold, warm]``, both ``{"status": …,
"results": …}``. It imports nothing that the grader does not import too, and never reads a job's files: its forks would
have them in their memory.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time

HOME = "/python_autograder"
LOG = "/root/log"
JOBS = "/root/jobs"
#: Seconds after a job's own limit until it counts as hanging.
PATIENCE = 20
#: The number of a warm-up's socket.
KEPT_OPEN = 64


def put(number: int) -> None:
    """Fill /grade."""
    os.spawnlp(os.P_WAIT, "cp", "cp", "-rT", f"{JOBS}/{number}", "/grade")


def clean() -> None:
    """End all processes but this one, and empty the folders that jobs write to."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    for folder in ("/grade", "/tmp", "/var/tmp", "/dev/shm"):
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in files + [each for each in folders if os.path.islink(f"{parent}/{each}")]:
                os.unlink(f"{parent}/{name}")
            if parent != folder:
                os.rmdir(parent)


def begin(work) -> int:
    """Start ``work`` in a process whose output goes to the log."""
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, KEPT_OPEN)
        try:
            work()
        finally:
            os._exit(99)
    return child


def left(child: int, timeout: float) -> dict:
    """Return what a job leaves whose entrypoint is ``child``."""
    end = time.monotonic() + timeout + PATIENCE
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < end:
        time.sleep(0.01)
        ended, status = os.waitpid(child, os.WNOHANG)
    try:
        with open("/grade/results/results.json") as file:
            results = json.load(file)
    except OSError as error:
        results = str(error)
    return {"status": os.waitstatus_to_exitcode(status) if ended else "it hangs", "results": results}


def cold(job: dict, env: dict[str, str]) -> dict:
    """Grade a job by the entrypoint."""
    put(job["number"])
    return left(begin(lambda: os.execve(f"{HOME}/run.sh", [f"{HOME}/run.sh"], env)), job["timeout"])


def warm(job: dict, env: dict[str, str], warmup, kept) -> dict:
    """Grade a job by a warm-up, which finds ``kept`` loaded."""
    ours, theirs = socket.socketpair()

    def work() -> None:
        warmup._load = lambda: kept
        warmup.DESCRIPTOR = KEPT_OPEN
        os.environ.clear()
        os.environ.update(BEGUN, SLASHGRADE_WARMUP="1")
        os._exit(warmup.run())

    os.dup2(theirs.fileno(), KEPT_OPEN)
    child = begin(work)
    os.close(KEPT_OPEN)
    theirs.close()
    with ours, ours.makefile("rwb") as stream:
        ready = stream.readline()
        put(job["number"])
        if not json.loads(ready)["ready"]:
            raise SystemExit("the warm-up is not ready")
        order = {"argv": [f"{HOME}/run.sh"], "env": [f"{key}={value}" for key, value in env.items()], "timeout": 30}
        stream.write(json.dumps(order).encode() + b"\n")
        stream.flush()
    return left(child, job["timeout"])


def main() -> None:
    """Grade all jobs."""
    gc.disable()
    os.mkdir(JOBS)
    os.spawnlp(os.P_WAIT, "tar", "tar", "-C", JOBS, "-xf", "-", "--no-same-owner")
    sys.path.insert(0, HOME)
    from slashgrade_python import warmup

    image = dict(os.environ)
    BEGUN.update(warmup.as_entrypoint(image))
    os.environ.update(BEGUN)
    kept = warmup._load()
    clean()
    for number, job in enumerate(json.loads(sys.argv[1])):
        job["number"] = number
        env = image | {"TERM": "xterm"} | dict(entry.split("=", 1) for entry in job["env"])
        found = []
        for way in (lambda: cold(job, env), lambda: warm(job, env, warmup, kept)):  # noqa: B023 - called at once
            found.append(way())
            clean()
        print(json.dumps(found), flush=True)


#: The environment that a warm-up begins with.
BEGUN: dict[str, str] = {}

if __name__ == "__main__":
    main()
