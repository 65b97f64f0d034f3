"""Usage as others tell it: read, told apart, and handed to ingest as CloudEvents."""
