"""Blocks: what holds ops. Each has fields of its own and a table of slots."""
