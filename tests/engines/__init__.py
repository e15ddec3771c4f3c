"""Real search engines, started here and asked; ``make test-engines`` runs these tests."""
