#!/bin/sh
# PYTHONPATH (the course's files) is for test and student code; the grader itself starts without it.
export SLASHGRADE_PYTHONPATH="$PYTHONPATH"
export PYTHONPATH=/python_autograder
exec /venv/bin/python -sP -m slashgrade_python
