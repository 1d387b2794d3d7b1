"""Answers about a compiled system: explanations, the memo of its decisions, and the next release file."""
