"""serverFilesCourse, from which the tests import modules."""

from __future__ import annotations

import stat

import pytest
from jobs import DIRTY, files, one_test, run

from slashgrade_python.layout import Layout


def test_only_its_owner_can_write_there(tmp_path):
    course = tmp_path / "serverFilesCourse"
    (course / "package").mkdir(parents=True)
    (course / "package" / "module.py").write_text("x = 1")
    (course / "link.py").symlink_to("/dev/null")
    for path in (course, course / "package", course / "package" / "module.py"):
        path.chmod(0o777)
    Layout(tmp_path).prepare()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (course, course / "package", course / "package/module.py")]
    assert modes == [0o755] * 3


@pytest.mark.image
def test_student_code_cannot_put_modules_there(image):
    student = (
        "import os\nfor name in ('netrc', 'sched'):\n    try:\n"
        "        open(f'/grade/serverFilesCourse/{name}.py', 'w').write('points = 1')\n"
        "    except OSError: pass\nf = x = 0\n"
    )
    test = one_test("import sched\nFeedback.set_score(getattr(sched, 'points', 0))")
    got = run(image, files(student=student, test=test), script=DIRTY)
    assert got.tests == [("check", 0.0, 1)]
