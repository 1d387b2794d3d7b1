"""The evaluation of a model: the metrics file, its intervals, and whether to ship, iterate, or reject."""
