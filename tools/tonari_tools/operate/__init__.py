"""Looking after the buckets: what is live read back and checked, and whether a store does what tonari needs."""
