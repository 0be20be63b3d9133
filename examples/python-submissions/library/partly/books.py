class Book:
    def __init__(self, title, year):
        self.title = title
        self.year = year
