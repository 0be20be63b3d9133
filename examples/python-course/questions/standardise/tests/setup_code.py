import numpy as np

# Runs anew in each iteration. The student's code gets a copy of A: what it does to it cannot be seen in the reference answer.
shapes = [(5, 2), (20, 3), (2, 1)]
A = np.random.normal(loc=10, scale=3, size=shapes[test_iter_num % len(shapes)])
