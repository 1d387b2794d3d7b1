"""Decisions for one service: what it serves, how much of it is needed, and how it starts and stops."""
