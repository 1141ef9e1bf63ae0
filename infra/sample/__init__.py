"""The sample market: invented firms at true places of Peru's industry, as spreadsheets that a person can read and correct."""
