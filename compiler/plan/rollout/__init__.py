"""Decisions for rollouts: steps, how each is judged, and the odds of a wrong verdict."""
