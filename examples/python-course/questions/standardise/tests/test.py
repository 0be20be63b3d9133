from code_feedback import Feedback
from pl_helpers import name, not_repeated, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    # Setup code, reference answer, student's code and tests run three times, each with other random numbers; points are added up.
    total_iters = 3

    @points(2)
    @name("Z")
    def test_0_scores(self):
        # What is no array of floating point numbers with two axes ends the grading: later checks would only confuse.
        Feedback.check_numpy_array_sanity("Z", 2, self.st.Z)
        # First type and shape are compared, then the values, with numpy.allclose.
        Feedback.set_score(Feedback.check_numpy_array_allclose("Z", self.ref.Z, self.st.Z))

    @points(1)
    @name("largest")
    def test_1_largest(self):
        Feedback.set_score(Feedback.check_scalar("largest", self.ref.largest, self.st.largest))

    @points(1)
    @not_repeated  # counts once, however many iterations there are
    @name("without a loop")
    def test_2_no_loop(self):
        with open(self.student_code_abs_path) as file:
            has_loop = any(line.split()[:1] in (["for"], ["while"]) for line in file)
        if has_loop:
            Feedback.add_feedback("There is a loop in your code. NumPy's operations work on whole arrays, and much faster.")
        Feedback.set_score(not has_loop)
