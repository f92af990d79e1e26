"""From graph to graph: one pass a file, in the order of `PIPELINE`."""
