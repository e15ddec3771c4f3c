"""Search engines started on this machine, for the tests and the demo: real servers that listen on 127.0.0.1 only."""
