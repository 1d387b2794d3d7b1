"""The language `mlspec/v1`: its quantities, its models, and what is generated from them."""
