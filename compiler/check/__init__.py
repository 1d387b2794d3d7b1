"""Checks of a plan: rules, what a runtime cannot honor, and values that have no effect."""
