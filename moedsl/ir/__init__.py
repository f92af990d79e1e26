"""The IR: a typed graph of ops, its invariants, its text and its digests."""
