"""The rebuild function."""

from tonari.aws.functions import rebuild_function

handler = rebuild_function()
