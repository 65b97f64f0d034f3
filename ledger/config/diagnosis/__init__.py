"""What can be wrong with an installation, and the remedy: one function per question."""
