"""The pages that mlspec writes, in a real browser."""
