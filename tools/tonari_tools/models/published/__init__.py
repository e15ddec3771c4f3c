"""How published models say what they take of a picture: transformers, open_clip, timm, and what the user says."""
