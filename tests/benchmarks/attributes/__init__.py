"""Attributes predicted from embeddings: tonari's methods beside scikit-learn's, on held-out products."""
