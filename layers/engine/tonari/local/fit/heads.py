"""The heads that a fit can have, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonari.errors import TonariError
from tonari.local.fit import discriminant

if TYPE_CHECKING:
    from tonari.local.fit.solution import Teach

CLOSED_FORM = "lda"
HEADS = (CLOSED_FORM, "supcon", "arcface")


class MissingTorchError(TonariError):
    """A head was asked for that is trained with PyTorch, which is not installed."""

    slug = "missing-torch"
    title = "PyTorch is not installed"


def teacher_of(head: str) -> Teach:
    """Give the way to a head of :data:`HEADS`; only trained ones import torch.

    Raises
    ------
    MissingTorchError
    """
    if head == CLOSED_FORM:
        return discriminant.teach
    try:
        from tonari.local.fit import trained  # noqa: PLC0415 - torch is optional, and takes seconds to import
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        raise MissingTorchError(
            f"--head {head} is trained with PyTorch: pip install 'tonari[heads]'. On Linux the plain torch wheel "
            "brings CUDA along, some gigabytes; a CPU build of torch, installed before, is enough."
        ) from error
    return trained.teacher(head)
