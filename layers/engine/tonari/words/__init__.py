"""Search by words: texts to terms, and an index of a catalogue's terms that is kept in files."""
