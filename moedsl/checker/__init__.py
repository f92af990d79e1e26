"""From syntax to a validated graph, or to diagnostics."""
