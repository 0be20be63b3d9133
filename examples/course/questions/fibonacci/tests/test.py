from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    student_code_file = "user_code.py"

    def check(self, numbers):
        """Score the share of the numbers for which the student's fib is right."""
        right = 0
        for n in numbers:
            answer = Feedback.call_user(self.st.fib, n)
            if Feedback.check_scalar(f"fib({n})", self.ref.fib(n), answer):
                right += 1
        Feedback.set_score(right / len(numbers))

    @points(1)
    @name("fib(0) and fib(1)")
    def test_0_first(self):
        self.check([0, 1])

    @points(1)
    @name("small numbers")
    def test_1_small(self):
        self.check([2, 3, 4, 10])

    @points(2)
    @name("large numbers")
    def test_2_large(self):
        self.check([30, 70])
