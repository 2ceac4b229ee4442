"""Rentals: what somebody has paid for, to watch or to pick up."""
