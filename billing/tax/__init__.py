"""Taxes (pure): which tax a supply bears, and what it comes to on a document."""
