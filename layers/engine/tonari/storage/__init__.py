"""Buckets, the local cache, packed files."""
