"""Calibration: what a benchmark of a served language model says about an accelerator, for the platform file."""
