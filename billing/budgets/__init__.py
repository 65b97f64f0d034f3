"""How much a customer and all below it may spend per period."""
