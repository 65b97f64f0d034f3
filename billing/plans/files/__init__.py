"""The whole catalogue of a book as one document, written to YAML or JSON and read back."""
