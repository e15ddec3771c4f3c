"""The quality report of a snapshot, as one HTML file: its figures, its audit, and examples to look at."""
