"""The user's cache: what a run found out, so that the next one need not find it out again.

It never changes a result. An entry is used only if everything that decided it is the same: see `key`. Whatever is wrong
with the cache, the run works as if there were none.
"""
