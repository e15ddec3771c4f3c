"""`python tests/benchmarks/search DATA`; see :mod:`search.run`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from search.run import main

if __name__ == "__main__":
    main()
