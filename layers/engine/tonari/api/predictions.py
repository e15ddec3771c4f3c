"""Predictions as JSON."""

from __future__ import annotations

from typing import Any

from tonari.query.predict import Answer

DECIMALS = 6


def show_prediction(answer: Answer) -> dict[str, Any]:
    """Give what the API says of one attribute.

    Where the best class is withheld it heads the alternatives, and ``score`` is its probability.
    """
    prediction = answer.prediction
    ranked = [{"value": one.value, "score": round(one.score, DECIMALS)} for one in prediction.ranked]
    given = bool(ranked) and not prediction.abstained
    shown: dict[str, Any] = {
        "value": ranked[0]["value"] if given else None,
        "score": ranked[0]["score"] if ranked else None,
        "alternatives": ranked[1:] if given else ranked,
        "method": prediction.method,
        "calibrated": prediction.calibrated,
        "abstained": prediction.abstained,
        "agree": answer.agree,
        "new_class": answer.unheard_of,
        "neighbours": [
            {"id": one.id, "score": one.score, "value": list(one.values) if prediction.several else one.values[0]}
            for one in answer.voters
        ],
    }
    return {**shown, "values": list(prediction.values)} if prediction.several else shown
