"""Diagnostics for people, terminals and programs: one file a form."""
