from books import Book


def newest(books):
    best = books[0]
    for book in books:
        if book.year > best.year:
            best = book
    return best
