"""The reindex function."""

from tonari.aws.functions import reindex_function

handler = reindex_function()
