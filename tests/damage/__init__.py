"""Files that are damaged or forged, and a process that serves from them."""
