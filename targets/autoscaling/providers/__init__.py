"""The autoscaling providers, one module each."""
