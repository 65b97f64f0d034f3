"""Loopback counterparts of what is outside: real protocols, faults on demand."""
