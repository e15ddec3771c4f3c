"""The items function."""

from tonari.aws.functions import items_function

handler = items_function()
