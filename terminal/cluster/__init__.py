"""The cluster: access to it, and what `mlspec cluster` does there. No other command imports this package."""
