"""Metric-learning inference for web apps: what looks like this, and what colour, what category is it."""

__version__ = "0.1.0"
