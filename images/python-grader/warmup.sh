#!/bin/sh
# The command of the label slashgrade.warmup: the entrypoint, which first waits for its job (slashgrade_python/warmup.py).
export SLASHGRADE_WARMUP=1
exec /python_autograder/run.sh
