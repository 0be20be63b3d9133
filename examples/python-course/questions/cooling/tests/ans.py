import matplotlib.pyplot as plt
import numpy as np

t = np.arange(61)
plt.plot(t, 20 + 70 * np.exp(-t / 25))
# Figures of the reference answer are closed before the student's code runs, but the axes can still be compared with.
axes = plt.gca()
