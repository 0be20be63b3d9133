import numpy as np

Z = A.copy()
for column in range(A.shape[1]):
    Z[:, column] -= np.mean(A[:, column])
    Z[:, column] /= np.std(A[:, column])
largest = max(Z.flatten())
