"""Fixtures: the image, and a student's process on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from slashgrade_python.control import Attendant, Control
from slashgrade_python.remote import RemoteStudent

IMAGE = os.environ.get("PYTHON_GRADER_IMAGE", "slashgrade/python-grader:dev")


def _image_problem() -> str:
    if shutil.which("docker") is None:
        return "there is no docker command"
    found = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, text=True, check=False)
    return found.stderr.strip() if found.returncode else ""


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name. Without Docker or the image: a failure in CI, else a skip."""
    if problem := _image_problem():
        message = f"needs the image {IMAGE} (make images): {problem}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return IMAGE


@pytest.fixture
def student(tmp_path):
    """A student's process, with no other user and no /grade: what isolation by users adds is tested in the image."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        theirs.close()
        try:
            Attendant(ours, lambda: None).attend()
        finally:
            os._exit(0)
    ours.close()
    process = RemoteStudent(Control(theirs), str(tmp_path), frozenset({"ans.py"}))
    yield process
    theirs.close()
    os.waitpid(child, 0)
