"""What if? Recorded usage under another plan, price list or price, without writing anything."""
