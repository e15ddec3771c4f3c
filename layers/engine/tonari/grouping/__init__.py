"""Which items show one thing: groups that no trial may part, found where no field says so."""

from tonari.grouping.find import Found, Grounds, find_groups

__all__ = ["Found", "Grounds", "find_groups"]
