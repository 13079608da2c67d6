"""What photocall costs where it could run, and how long results take there: `photocall plan`.

Everything follows from three things: what is to be done (`workload.py`), what that takes, as measured
(`measured.toml`), and prices (`prices.toml`). Each place where it could run makes an `Offer`.
"""
