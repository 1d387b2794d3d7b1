"""The loop of data and training with the real libraries that run in it, each in a locked environment of its own."""
