"""What is offered: plans and add-ons, drafted as documents, checked, published, frozen."""
