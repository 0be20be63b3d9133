from books import Book


def newest(books):
    return max(books, key=lambda book: book.year)
