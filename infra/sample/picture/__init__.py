"""The map of the sample market, drawn from the repository's own data: the same files make the same picture, to the byte."""
