from code_feedback import Feedback
from grading.scores import share  # from the course's serverFilesCourse/, which info.json asks for
from pl_helpers import name, points
from pl_unit_test import PLTestCase


class Test(PLTestCase):
    student_code_file = "main.py"  # the other files of the student lie beside it and are imported by it

    @points(1)
    @name("a book")
    def test_0_book(self):
        book = Feedback.call_user(self.st.Book, "Emma", 1815)
        right = [book.title == "Emma", book.year == 1815]
        if not all(right):
            Feedback.add_feedback(f'Book("Emma", 1815) has the title {book.title!r} and the year {book.year!r}.')
        Feedback.set_score(share(right))

    @points(2)
    @name("the newest book")
    def test_1_newest(self):
        years = [1815, 1925, 1818]
        books = [self.st.Book(f"from {year}", year) for year in years]
        found = [Feedback.call_user(self.st.newest, books[:n], stop_on_exception=False) for n in (1, 2, 3)]
        Feedback.set_score(share([found[0].year == 1815, found[1].year == 1925, found[2].year == 1925]))

    @points(1)
    @name("no books")
    def test_2_none(self):
        try:
            self.st.newest([])
        except ValueError:
            Feedback.set_score(1)
        except Exception as error:
            Feedback.add_feedback(f"newest([]) raised {type(error).__name__} instead of ValueError.")
        else:
            Feedback.add_feedback("newest([]) raised no exception.")
