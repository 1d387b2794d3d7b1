"""What the pods of all targets share: security, access, the model download, and placement."""
