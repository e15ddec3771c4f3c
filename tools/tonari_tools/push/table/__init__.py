"""A table of fields as people write it, CSV or JSON -> rows with typed values, and what was decided."""
