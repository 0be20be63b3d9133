import matplotlib.pyplot as plt
import numpy as np

t = np.arange(0, 61)
plt.plot(t, 90 * np.exp(-t / 25))
plt.title("A cooling cup")
