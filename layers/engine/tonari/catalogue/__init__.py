"""What lies in the catalogue bucket, and which of its items are held out."""
