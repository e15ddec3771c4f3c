"""Nearest neighbours over arrays, without input or output."""
