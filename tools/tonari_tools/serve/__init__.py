"""The API on one machine."""
