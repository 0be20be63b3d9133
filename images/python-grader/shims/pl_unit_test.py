"""``from pl_unit_test import PLTestCase, PLTestCaseWithPlot``: the names under which tests know them."""

from slashgrade_python.testcase import PLTestCase, PLTestCaseWithPlot

__all__ = ["PLTestCase", "PLTestCaseWithPlot"]
