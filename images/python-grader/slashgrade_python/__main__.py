"""The entrypoint's program: grade the job under /grade, with SLASHGRADE_WARMUP once it is there (``warmup.py``)."""

import gc
import os
import sys
import time

if __name__ == "__main__":
    gc.disable()  # until all imports are done: they make nothing but what stays (supervisor.py)

    from slashgrade_python.limits import since_start
    from slashgrade_python.supervisor import run

    if "SLASHGRADE_WARMUP" in os.environ:
        from slashgrade_python.warmup import wait

        wait()
        del wait
        started = time.monotonic()
    else:
        started = since_start()
    status = run(started)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without taking apart what was imported, which costs more than a small job
