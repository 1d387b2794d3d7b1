"""Rendering is a leaf: diagnostics and results to text, one module a form."""
