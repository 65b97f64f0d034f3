"""What the books say, as dataclasses."""
