"""Decisions for rollouts: steps, analyses, and the probability of a wrong verdict."""
