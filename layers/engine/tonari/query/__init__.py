"""What a request asks of the generation that is live."""
