"""The journal in formats that others read."""
