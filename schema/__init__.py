"""The language `mlspec/v1`: its quantities, its models, and the files generated from them."""
