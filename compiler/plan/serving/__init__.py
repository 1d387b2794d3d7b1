"""Decisions for one service: what it serves, its capacity, and how it starts and stops."""
