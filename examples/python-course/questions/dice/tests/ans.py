import random


def roll(n):
    return [random.randint(1, 6) + random.randint(1, 6) for _ in range(n)]


chances = {total: (6 - abs(7 - total)) / 36 for total in range(2, 13)}
