"""Holds: credit that is set aside for work under way, before it is spent."""
