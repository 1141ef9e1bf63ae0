"""What notifications keeps: the feed, what is being gathered, notices, preferences, deliveries."""
