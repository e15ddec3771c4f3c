"""The rebuild function."""

from tonari.api.functions import rebuild_function

handler = rebuild_function()
