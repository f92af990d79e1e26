"""Ops of this kind, one file each; `moedsl/ops/kinds.py` says what they take and return."""
