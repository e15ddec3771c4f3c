"""The reindex function."""

from tonari.api.functions import reindex_function

handler = reindex_function()
