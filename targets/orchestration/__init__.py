"""The providers that start training runs and hyperparameter searches."""
