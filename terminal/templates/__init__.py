"""Starter specs for `mlspec init`. In each, `my-system` stands for the name."""
