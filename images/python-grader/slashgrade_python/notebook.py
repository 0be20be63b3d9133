"""Jupyter notebooks: the cells that are graded, as one Python source."""

from __future__ import annotations

import json
from typing import Any

from slashgrade_python.outcomes import UnreadableFile

#: What makes a cell need IPython's transformer: magics, shell commands, help, prompts that were pasted with the code.
#: So does a cell that is indented as a whole. Other cells are Python as they are.
_SPECIAL = ("%", "!", "?", ">>>", "In [")


def source(text: str, key: str, name: str) -> str:
    """Return the code cells of the notebook ``text`` whose stripped text starts with ``key``, each with a line end.

    name: the file's, for messages. Raises UnreadableFile if ``text`` is no notebook of format 4.
    """
    try:
        cells = json.loads(text)["cells"]
        codes = [_text(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            f"the submitted file {name} is not a Jupyter notebook of format 4. "
            "Save it anew in Jupyter and submit it again."
        ) from error
    graded = [_python(code) for code in codes if code.strip().startswith(key)]
    return "".join(code if code.endswith("\n") else f"{code}\n" for code in graded)


def _text(lines: Any) -> str:
    """Return a cell's text, which the format allows as one string or a list of lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def _python(code: str) -> str:
    """Return a cell as Python, by IPython's rules where it has anything that Python does not know.

    Empty lines at its beginning are left out in any case.
    """
    is_indented = code.lstrip("\n")[:1].isspace()
    if not is_indented and not any(mark in code for mark in _SPECIAL):
        return code.lstrip("\n")
    from IPython.core.inputtransformer2 import TransformerManager

    transformer: Any = TransformerManager
    return str(transformer().transform_cell(code))
