"""What providers charge us for models: the price book, a book's own prices, and what has none."""
