"""What a snapshot is worth, as one HTML file: its figures, its audit, and examples to look at."""
