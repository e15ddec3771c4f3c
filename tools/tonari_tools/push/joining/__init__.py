"""Rows of a table and pictures of a folder -> items: which column is the id, which picture a row means."""
