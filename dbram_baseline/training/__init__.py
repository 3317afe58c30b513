"""Training: hyperparameters, losses, steps, checkpoints, the run log and the loop."""
