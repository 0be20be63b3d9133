import pandas as pd

sales = pd.read_csv("/home/ann/Downloads/sales.csv")
by_shop = sales
