"""Initialisations: values such as `normal(std = 0.02)`."""
