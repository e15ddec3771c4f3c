"""Filtered nearest-neighbour search: tonari's planner beside other engines, on one thread of one machine."""
