import matplotlib.pyplot as plt
import numpy as np

t = np.arange(0, 61)
plt.plot(t, 20 + 70 * np.exp(-t / 25))
