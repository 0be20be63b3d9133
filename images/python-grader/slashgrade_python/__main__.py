"""The entrypoint's program: grade the job under /grade."""

import sys

from slashgrade_python.supervisor import run

if __name__ == "__main__":
    sys.exit(run())
