"""The query function."""

from tonari.aws.functions import query_function

handler = query_function()
