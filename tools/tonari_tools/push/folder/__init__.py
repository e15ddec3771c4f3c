"""A folder as people have it -> the pictures and tables in it, and the items that their places say."""
