"""Published encoders, fetched from their hub: which ones, at which revision, with which bytes."""
