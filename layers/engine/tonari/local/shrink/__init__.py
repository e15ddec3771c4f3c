"""Encoders made smaller and faster, and how far their embeddings then are from the original's."""
