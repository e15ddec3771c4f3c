"""The definition of the state machine, read out of the template: there is no other copy of it."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
BLOCK = re.compile(r"^      DefinitionString: !Sub \|\n((?:        .*\n)+)", re.MULTILINE)
PLACE = re.compile(r"\$\{([A-Za-z:]+)\}")


def definition(**values: str) -> dict[str, Any]:
    """Give the definition as CloudFormation makes it where parameters and resources have these values.

    Raises
    ------
    KeyError
        If the definition names something else.
    """
    found = BLOCK.search(TEMPLATE.read_text())
    assert found, "template.yaml has no DefinitionString"
    known = {"AWS::Partition": "aws", "EncodingConcurrency": "5", **values}
    made: dict[str, Any] = json.loads(PLACE.sub(lambda place: known[place[1]], textwrap.dedent(found[1])))
    return made
