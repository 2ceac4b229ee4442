"""The shop: cart, cards, checkout, orders."""
