"""The traffic providers, one module each."""
