"""What the pods of all targets share: security, access, the model's download, and where they may run."""
