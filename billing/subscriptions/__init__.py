"""What customers have subscribed to: a history of changes, and the items that follow from it."""
