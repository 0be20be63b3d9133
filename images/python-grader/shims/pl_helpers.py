"""``from pl_helpers import name, points, not_repeated``: the names under which tests know them."""

from slashgrade_python.decorators import name, not_repeated, points
from slashgrade_python.highlight import print_student_code

__all__ = ["name", "not_repeated", "points", "print_student_code"]
