"""The command line and the workbench of tonari: serve, push, models, encoders, fit, report."""

from __future__ import annotations

import os

# Requests, pictures and shards are already worked on in parallel: threads of BLAS would only stand in each other's way.
# It reads this when numpy is first imported, which is later.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
