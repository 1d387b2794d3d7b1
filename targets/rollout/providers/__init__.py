"""The rollout providers, one module each."""
