"""Promotion through Git, as far as it needs no compiler: what to promote, the git program, and the APIs of forges.

`mlspec runtime promote` joins it with the compiler, in `terminal/commands/publish.py`.
"""
