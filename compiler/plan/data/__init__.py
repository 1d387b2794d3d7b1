"""Decisions about data: how much history is left to learn from, and how much drift is noise."""
