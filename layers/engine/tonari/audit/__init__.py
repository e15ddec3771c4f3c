"""What is odd in a catalogue: labels that both methods contradict, pictures that are there twice, gaps to be filled."""

from tonari.audit.examine import FORMAT, Subject, examine

__all__ = ["FORMAT", "Subject", "examine"]
