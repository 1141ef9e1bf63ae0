"""A day of the market, played against a running exchange through its public door, and told a line at a time as its stream tells it."""
