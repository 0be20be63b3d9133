from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    def check(self, n):
        answer = Feedback.call_user(self.st.double, n)
        right = Feedback.check_scalar(f"double({n})", self.ref.double(n), answer)
        Feedback.set_score(1 if right else 0)

    @points(1)
    @name("a small number")
    def test_small(self):
        self.check(3)

    @points(1)
    @name("a negative number")
    def test_negative(self):
        self.check(-7)
