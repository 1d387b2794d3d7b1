"""Answers about a compiled system: explanations, the decision memo, and the next release file."""
