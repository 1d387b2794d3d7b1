"""`mlspec runtime tune`: search hyperparameters with the author's own `train` and `evaluate` commands.

Several worker processes share one Optuna study, which is a journal file on the volume of the pod. A worker that is
killed loses its trial, and the others continue. Only `worker` needs Optuna, which the training image has.
"""
