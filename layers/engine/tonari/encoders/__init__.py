"""Bytes of a view -> its embedding."""
