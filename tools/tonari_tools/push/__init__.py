"""A folder of pictures and a table of fields -> the catalogue bucket."""
