"""The vocabulary: ops by kind, one file each. Nothing here imports torch at load time or knows the syntax."""
