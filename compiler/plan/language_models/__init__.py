"""Decisions for language models: what fits on an accelerator, how fast it is, and which one to take."""
