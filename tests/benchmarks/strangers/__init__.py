"""Pictures of unlike kinds asked of a catalogue: how many get an answer, beside the catalogue's own kind."""
