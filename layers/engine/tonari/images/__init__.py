"""Bytes of a picture -> pixels."""
