import numpy as np

Z = A - np.mean(A, axis=0)
largest = A.max()
