"""What runs on a developer's machine only: command line, local AWS and gateway, the demo shop. Never in the layer."""
