from books import Book


def newest(books):
    return books[0]
