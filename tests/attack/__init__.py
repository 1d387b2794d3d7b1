"""The attack: hostile and random input for everything that mlspec reads, with a table of what was tried.

`make attack` runs all of it on all cores, `tests/test_attack.py` a small part of it in CI, and `make fuzz` looks for
input that reaches new code.
"""
