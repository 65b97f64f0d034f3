"""Taxes of a book: its rates, its customers' tax ids and certificates, and what drafts bear."""
