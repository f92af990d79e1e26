"""Benchmarks of the promises in the README: one file a benchmark, ratios measured in one run."""
