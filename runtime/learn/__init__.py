"""Online learning: the author's command learns from one batch after the other, and never changes the served model."""

from __future__ import annotations
