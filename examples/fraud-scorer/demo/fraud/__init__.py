"""The code of the training image: the steps of a run, and the model that MLServer loads."""
