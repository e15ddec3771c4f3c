"""Fields of item documents: their types, their columns, and filters over them."""
