from code_feedback import Feedback
from pl_helpers import name, points
from pl_unit_test import PLTestCaseWithPlot


# With this base class the student's figures are shown with the results, and self.plt is the student's pyplot.
class Test(PLTestCaseWithPlot):
    @points(2)
    @name("the curve")
    def test_0_curve(self):
        # Compares the lines' points; neither their order nor colours and styles matter.
        Feedback.set_score(Feedback.check_plot("your plot", self.ref.axes, self.plt.gca()))

    @points(3)
    @name("labels")
    def test_1_labels(self):
        axes = self.plt.gca()
        labels = {"label of the x axis": axes.get_xlabel(), "label of the y axis": axes.get_ylabel(), "title": axes.get_title()}
        for what, text in labels.items():
            if not text:
                Feedback.add_feedback(f"The plot has no {what}.")
        Feedback.set_score(sum(bool(text) for text in labels.values()) / len(labels))
