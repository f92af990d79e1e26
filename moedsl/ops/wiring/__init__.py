"""Plumbing between ops: additions, reshapes, zero states. The builder adds it; nobody writes it."""
