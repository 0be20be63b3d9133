Z = [[value / 10 for value in row] for row in A]
largest = 1.0
