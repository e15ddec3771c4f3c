"""The only importer of onnxruntime, usearch and numkong.

onnxruntime comes first: usearch 2.26.2-2.26.6 imported before it kills the process. Its telemetry writes under
``$HOME`` unless it is told not to before the import.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numkong
import numpy as np
import onnxruntime  # isort: skip
from usearch.index import Index as _UsearchIndex  # isort: skip

from tonari.errors import CorruptArtefactError, InvalidEncoderError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
