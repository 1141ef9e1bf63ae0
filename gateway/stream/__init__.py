"""The live stream: what the feed tells, as it happens, as server-sent events."""
