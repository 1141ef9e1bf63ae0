"""A command's own no."""

from __future__ import annotations


class CannotError(RuntimeError):
    """A command could not do what it was asked; the message says why, and what to do."""
