"""The routes of listings, by noun."""
