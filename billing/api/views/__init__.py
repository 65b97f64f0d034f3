"""The views of the billing package, a file per group of resources."""
