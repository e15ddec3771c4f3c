"""Why no encoder came of a fit."""

from __future__ import annotations

from tonari.errors import TonariError


class FitRefusedError(TonariError):
    """The catalogue teaches no better metric: there is too little of it, or what was learned is worse."""

    slug = "fit-refused"
    title = "No better metric was learned"
