"""An encoder as one immutable value: ``encoder.json`` and every file that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tonari.contract.encoder import CONFIG, MODEL, EncoderFile, files_of, read_encoder_file
from tonari.encoders.image import encoder_id
from tonari.errors import InvalidEncoderError


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of an encoder.

    Parameters
    ----------
    files
        Bytes by name, ``encoder.json`` among them.

    Raises
    ------
    InvalidEncoderError
        If ``encoder.json`` cannot be read, or a file that it names is missing, or one is there that it does not name.
    """

    files: Mapping[str, bytes]

    def __post_init__(self) -> None:
        """Check that all files are there and no other."""
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))
        if CONFIG not in self.files:
            raise InvalidEncoderError(f"An encoder has a file {CONFIG}, which is missing here.")
        wanted, given = {CONFIG, *files_of(self.about)}, {*self.files}
        if wanted != given:
            missing, foreign = sorted(wanted - given), sorted(given - wanted)
            said = f"{missing[0]!r} is missing" if missing else f"{foreign[0]!r:.80} is not named in {CONFIG}"
            raise InvalidEncoderError(f"The files of the encoder do not fit together: {said}.")

    @classmethod
    def of_pictures(cls, model: bytes, config: bytes) -> Bundle:
        """Give an encoder of format 1 or 2: a graph and ``encoder.json``."""
        return cls({MODEL: model, CONFIG: config})

    @property
    def config(self) -> bytes:
        """``encoder.json``."""
        return self.files[CONFIG]

    @property
    def about(self) -> EncoderFile:
        """What ``encoder.json`` says."""
        return read_encoder_file(self.config)

    @property
    def id(self) -> str:
        """Identity: a sha256 (hex) over names and sha256 of all files.

        That of a graph and ``encoder.json`` alone is the one that such encoders have always had.
        """
        if self.files.keys() == {MODEL, CONFIG}:
            return encoder_id(self.files[MODEL], self.config)
        hashes = sorted((name, hashlib.sha256(data).hexdigest()) for name, data in self.files.items())
        return hashlib.sha256("".join(f"{name}\n{digest}\n" for name, digest in hashes).encode()).hexdigest()
