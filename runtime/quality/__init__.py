"""The quality of a model in production: captured predictions joined with labels that arrive later."""
