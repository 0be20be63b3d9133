import numpy as np

t = np.arange(0, 61)
temperature = 20 + 70 * np.exp(-t / 25)
