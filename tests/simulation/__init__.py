"""The real use cases over a store in memory, one bucket call at a time; a seed gives the order and the faults."""
