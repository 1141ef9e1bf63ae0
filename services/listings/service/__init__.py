"""The use cases of listings, by noun. None of them commits: the edge does."""
