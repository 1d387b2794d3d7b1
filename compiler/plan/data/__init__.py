"""Decisions about data: how much history is left for training, and how much drift is noise."""
