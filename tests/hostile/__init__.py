"""What nobody should send: pictures, requests, the catalogue they are sent against, and what they cost."""
