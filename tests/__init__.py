"""Tests, and programs that attack and measure mlspec. None uses the cache of the user who runs it."""

import os

os.environ["MLSPEC_CACHE"] = "off"  # the tests of the cache, and its benchmark, turn it on in folders of their own
