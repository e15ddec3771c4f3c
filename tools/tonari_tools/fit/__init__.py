"""The metric learned from the catalogue: one linear map after the encoder, in closed form or trained."""
