"""The entrypoint's program: grade the job under /grade, with SLASHGRADE_WARMUP once it is there (``warmup.py``)."""

import gc
import os
import sys


def main() -> int:
    """Grade; return the exit status."""
    gc.disable()  # until all imports are done: they make nothing but what stays (supervisor.py)

    from slashgrade_python import console
    from slashgrade_python.limits import since_start
    from slashgrade_python.supervisor import run

    console.settle()
    if "SLASHGRADE_WARMUP" in os.environ:
        from slashgrade_python import warmup

        return warmup.run()
    return run(since_start())


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without taking apart what was imported, which costs more than a small job
