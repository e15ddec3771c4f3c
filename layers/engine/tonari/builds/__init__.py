"""The catalogue -> a published snapshot, in steps over storage."""
