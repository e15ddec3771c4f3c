"""A small shop on a real store that processes work on, and what must hold whatever becomes of them."""
