"""Decisions for language models: memory fit, speed, and the choice of accelerator."""
