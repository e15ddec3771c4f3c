"""Faults by the thousand: what a test shows once, shown for as long as it takes. ``make torture`` prints the counts."""
