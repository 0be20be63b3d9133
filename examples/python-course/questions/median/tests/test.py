from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    # Seconds for each test. One that hangs gets no points and says where it was; the others keep theirs.
    timeout = 2

    def check(self, values):
        """Return whether the student's median of the values is right. The student is told either way."""
        # call_user shows the student an exception of their function. By default it ends all of the grading; here, only this test.
        answer = Feedback.call_user(self.st.median, list(values), stop_on_exception=False)
        return Feedback.check_scalar(f"median({values})", self.ref.median(values), answer)

    # Tests run in the alphabetical order of their methods' names. Every one needs @points, and @name before its feedback can be seen.
    @points(2)
    @name("odd number of values")
    def test_0_odd(self):
        self.assertTrue(self.check([3]))  # a failed assertion ends the test; the score that was set before it is kept
        Feedback.set_score(0.5)
        self.assertTrue(self.check([9, 1, 5]))
        Feedback.set_score(1)

    @points(2)
    @name("even number of values")
    def test_1_even(self):
        Feedback.set_score(self.check([4, 1, 3, 2]))  # a score lies from 0 to 1; the points are its share of @points

    @points(1)
    @name("the list stays as it was")
    def test_2_unchanged(self):
        values = [2, 3, 1]
        Feedback.call_user(self.st.median, values, stop_on_exception=False)
        if values == [2, 3, 1]:
            Feedback.set_score(1)
        else:
            Feedback.add_feedback(f"median changed the list to {values}. Use sorted(values), which makes a new list.")
