"""What listings reads and writes, by noun."""
