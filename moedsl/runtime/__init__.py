"""Compiling, training, checkpoints, generation."""
