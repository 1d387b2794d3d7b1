"""Knowledge as data: the lowest layer under every spec, written in the language itself and overridden by the platform.

Only `layer` reads it; everything above sees the merged result, and so never needs to know whether a fact was built in.
"""
