"""Forms of what has an inner shape: rows of tiers, a price and what is around it."""
