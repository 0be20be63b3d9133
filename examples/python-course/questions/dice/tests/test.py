from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    student_code_file = "dice.ipynb"  # the name says that it is a notebook
    ipynb_key = "#grade"  # what a cell begins with that is to be graded; this is the default

    @points(1)
    @name("roll: a list")
    def test_0_list(self):
        rolls = Feedback.call_user(self.st.roll, 50)
        # Compares type, length and, because it is given, the type of all entries. Values are not compared.
        ok = Feedback.check_list("roll(50)", self.ref.roll(50), rolls, entry_type=int)
        Feedback.set_score(ok and all(2 <= total <= 12 for total in rolls))

    @points(1)
    @name("roll: every sum comes up")
    def test_1_sums(self):
        rolls = Feedback.call_user(self.st.roll, 2000)
        missing = set(range(2, 13)) - set(rolls)  # a chance of less than 1 in 10^24 for right code
        for total in sorted(missing):
            Feedback.add_feedback(f"Of 2,000 rolls none was {total}.")
        Feedback.set_score(not missing)

    @points(2)
    @name("chances")
    def test_2_chances(self):
        right = [
            Feedback.check_scalar(f"chances[{total}]", chance, (self.st.chances or {}).get(total))
            for total, chance in self.ref.chances.items()
        ]
        Feedback.set_score(sum(right) / len(right))
