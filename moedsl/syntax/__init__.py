"""The language: grammar, syntax tree, parser. Nothing here knows a component by name."""
