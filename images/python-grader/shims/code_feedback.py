"""``from code_feedback import Feedback``: the name under which tests know it."""

from slashgrade_python.feedback import Feedback, GradingComplete, TestComplete

__all__ = ["Feedback", "GradingComplete", "TestComplete"]
