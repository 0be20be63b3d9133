from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    @points(1)
    @name("sales")
    def test_0_sales(self):
        # Only these columns count; others may be there, and rows and columns may be in another order.
        columns = ["shop", "item", "revenue"]
        Feedback.set_score(Feedback.check_dataframe("sales", self.ref.sales, self.st.sales, subset_columns=columns))

    @points(1)
    @name("by_shop")
    def test_1_by_shop(self):
        # Rows are matched by their labels, here the shops, so their order does not matter. display_input shows students what they have.
        Feedback.set_score(Feedback.check_dataframe("by_shop", self.ref.by_shop, self.st.by_shop, display_input=True))

    @points(1)
    @name("largest first")
    def test_2_order(self):
        check = Feedback.check_dataframe("by_shop, in order", self.ref.by_shop, self.st.by_shop, allow_order_variance=False)
        Feedback.set_score(check)
