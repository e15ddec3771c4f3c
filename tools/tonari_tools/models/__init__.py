"""Models of any origin -> encoders: what a model says of itself, what it does when it runs."""
