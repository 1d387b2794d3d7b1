"""The data of a training run: its contract, what arrives, its versions, its split, and its preprocessing."""
