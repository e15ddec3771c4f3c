"""What is odd in a catalogue: labels that both methods contradict, pictures that are there twice, missing values."""

from tonari.audit.examine import examine
from tonari.audit.suspects import Subject

__all__ = ["Subject", "examine"]
