"""The routes of notifications, by noun."""
