import numpy as np

Z = (A - np.mean(A, axis=0)) / np.std(A, axis=0)
largest = Z.max()
