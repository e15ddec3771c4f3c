"""The immutable files of an index, and the head that says which are live."""
