"""The compiler: one module a stage, in the order of the road that `pipeline` shows."""
