"""Answers about a compiled system: explanations, the decision memo, the next release file, and calibration."""
