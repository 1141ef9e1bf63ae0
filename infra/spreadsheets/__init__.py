"""A person's spreadsheet on its way to an exchange, over the public API as any program would send it."""
