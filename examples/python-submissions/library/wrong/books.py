class Book:
    def __init__(self, year, title):
        self.title = title
        self.year = year
