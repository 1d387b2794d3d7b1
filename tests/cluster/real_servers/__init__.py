"""Servers that PyPI has, started by the commands, the variables, and the configuration that mlspec writes."""
