"""The outside world: rails, sources, exports. May import anything; nothing imports it."""
