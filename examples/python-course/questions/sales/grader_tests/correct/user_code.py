import pandas as pd

sales = pd.read_csv("sales.csv")
sales["revenue"] = sales.price * sales["count"]
by_shop = sales.groupby("shop")["revenue"].sum().sort_values(ascending=False).to_frame()
