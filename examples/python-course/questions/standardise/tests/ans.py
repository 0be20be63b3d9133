# Modules that setup code imports are not passed on: both answers import their own.
import numpy as np

Z = (A - A.mean(axis=0)) / A.std(axis=0)
largest = np.max(Z)
