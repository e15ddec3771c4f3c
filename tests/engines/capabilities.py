"""What the tests found out of each engine, for the table in docs/engines.md: a ``yes`` comes from tests that passed."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "TONARI_CAPABILITIES"
"""Names the file that a run of the tests writes its findings into."""


@dataclass
class Findings:
    """Of one run of the tests.

    Parameters
    ----------
    passed
        By engine and feature: whether each of its tests passed.
    refused
        By engine and feature: why the engine cannot do it; then no test asks for more than that it says so.
    numbers
        By engine and name.
    """

    passed: dict[str, dict[str, list[bool]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    refused: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    numbers: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def found(self) -> dict[str, Any]:
        """Say by engine and feature: ``yes``, ``no: …`` with the reason, or ``failed``; and the numbers."""
        return {engine: self._of(engine) for engine in sorted({*self.passed, *self.refused})}

    def _of(self, engine: str) -> dict[str, Any]:
        features = {name: "yes" if all(results) else "failed" for name, results in self.passed[engine].items()}
        for name, reason in self.refused[engine].items():
            if features.get(name) == "yes":
                features[name] = f"no: {reason}"
        return {"features": features, "numbers": self.numbers[engine]}

    def write(self, path: Path) -> None:
        """Keep them; of engines that were not run, what the file has stays."""
        known = json.loads(path.read_text()) if path.exists() else {}
        written = json.dumps(known | self.found(), indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(written + "\n")
