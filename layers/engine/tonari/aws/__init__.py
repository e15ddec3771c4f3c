"""Lambda events <-> requests: the only room that knows AWS Lambda."""
