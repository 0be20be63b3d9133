import matplotlib.pyplot as plt
import numpy as np

t = np.linspace(0, 60, 61)
fig, ax = plt.subplots()
ax.plot(t, 20 + 70 * np.exp(-t / 25), "r--")
ax.set(xlabel="time in minutes", ylabel="temperature in °C", title="A cooling cup")
