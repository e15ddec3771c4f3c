"""Metric-learning inference for web apps: what looks like this, and what colour, what category is it.

The face of the package: :class:`Index`, :class:`Client`, what is asked of them, and the errors. Each is loaded when it
is used first, so that importing the package loads nothing heavy; their types stand in ``__init__.pyi``.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "Index": "tonari.embedded",
    "Results": "tonari.embedded",
    "Hit": "tonari.embedded",
    "Client": "tonari.client",
    "ItemsRequest": "tonari.contract.requests",
    "PredictRequest": "tonari.contract.requests",
    "SearchOptions": "tonari.contract.requests",
    "SearchRequest": "tonari.contract.requests",
}


def __getattr__(name: str) -> Any:
    errors = importlib.import_module("tonari.errors")
    if name in _MODULES:
        value = getattr(importlib.import_module(_MODULES[name]), name)
    elif isinstance(value := getattr(errors, name, None), type) and issubclass(value, errors.TonariError):
        pass
    else:
        raise AttributeError(f"module 'tonari' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    errors = importlib.import_module("tonari.errors")
    return sorted({*globals(), *_MODULES, *(name for name in vars(errors) if name.endswith("Error"))})
