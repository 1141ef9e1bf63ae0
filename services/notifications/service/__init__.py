"""What notifications does, by noun."""
