"""Operators of our own, one file each, under `torch.ops.moedsl`. Importing this package registers them all.

A kernel file imports torch and nothing else, so that emitted modules can carry its text with them.
"""

from moedsl.lower.kernels import grouped_linear as grouped_linear
