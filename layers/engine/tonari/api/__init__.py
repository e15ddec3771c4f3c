"""HTTP and AWS events <-> use cases: the only room that knows of either."""
