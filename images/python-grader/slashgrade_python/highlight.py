"""A student's source with colours, for terminals and PrairieLearn's pages, which show ANSI sequences."""

from __future__ import annotations

import os

from slashgrade_python import notebook
from slashgrade_python.feedback import Feedback

#: The most characters that are shown. Pygments takes some seconds for a million.
LIMIT = 100_000


def python(source: str) -> str:
    """Return ``source``, cut to LIMIT, highlighted in 256 colours; without them where Pygments is not installed."""
    note = f"\n[Code cut here: it is {len(source):,} characters long.]\n" if len(source) > LIMIT else ""
    source = source[:LIMIT]
    try:
        from pygments import highlight
        from pygments.formatters import Terminal256Formatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return source + note
    highlighted: str = highlight(source, PythonLexer(), Terminal256Formatter(style="monokai"))
    return highlighted + note


def submission(code: str, key: str) -> str:
    """Return a submission's code as ``python`` does, without empty lines around it.

    key: marks the cells of a notebook that are graded: lines with it are left out. "" for all cells, and other files.
    """
    lines = [line for line in code.strip().split("\n") if not key or not line.strip().startswith(key)]
    return python("\n".join(lines))


def print_student_code(
    st_code: str = "user_code.py", ipynb_key: str = "#grade", as_feedback: bool = True
) -> str | None:
    """Show the student their file ``st_code``, highlighted, as feedback of the running test; else return it."""
    with open(st_code, encoding="utf-8") as file:
        text = file.read()
    if st_code.endswith(".ipynb"):
        shown = submission(notebook.source(text, ipynb_key, os.path.basename(st_code)), ipynb_key)
    else:
        shown = submission(text, "")
    if not as_feedback:
        return shown
    Feedback.add_feedback(shown)
    return None
