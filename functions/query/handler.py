"""The query function."""

from tonari.api.functions import query_function

handler = query_function()
