"""Environment variables -> frozen settings; what they say of proxies is not meant for this machine."""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tonari.errors import SettingError

PREFIX = re.compile("[a-z][a-z0-9_]{0,19}")


@dataclass(frozen=True, slots=True)
class Margins:
    """By how much a snapshot may be worse than the live one and still be published, as shares.

    Parameters
    ----------
    recall
        Of recall@10 (``TONARI_RECALL_MARGIN``, 0.01).
    accuracy
        Of the accuracy on held-out items (``TONARI_ACCURACY_MARGIN``, 0.03).
    """

    recall: float = 0.01
    accuracy: float = 0.03

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Margins:
        """Read the margins.

        Raises
        ------
        SettingError
            If one is not a share.
        """
        share = functools.partial(_number, environment, most=1.0, what="a share, 0 to 1")
        return cls(share("TONARI_RECALL_MARGIN", USUAL.recall), share("TONARI_ACCURACY_MARGIN", USUAL.accuracy))


USUAL = Margins()
ANY_FALL = Margins(1.0, 1.0)
"""Lets every snapshot through: no share falls by more than 1."""
SHARD, MOST_SHARD = 1_000, 10_000
"""Views that are encoded together, and how many may be: they are kept at once, not one by one."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which engine answers searches, and where it is.

    Parameters
    ----------
    kind
        ``builtin``, or the name of a vector database (``TONARI_ENGINE``).
    url
        Where that is (``TONARI_ENGINE_URL``).
    prefix
        What the names of its collections begin with (``TONARI_ENGINE_PREFIX``, tonari).
    secret
        ARN of a secret with user, password or token (``TONARI_ENGINE_SECRET``); empty if there is none.
    region
        Of the AWS service whose requests are signed (``TONARI_ENGINE_REGION``); empty if none are.
    authority
        Path of certificates that are trusted beside the usual ones (``TONARI_ENGINE_CA``).
    user, password, token
        What a machine without a secret store says instead (``TONARI_ENGINE_USER`` and so on).
    """

    kind: str = "builtin"
    url: str = ""
    prefix: str = "tonari"
    secret: str = ""
    region: str = ""
    authority: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> EngineSettings:
        """Read the settings.

        Raises
        ------
        SettingError
            If an engine elsewhere has no URL, or the prefix cannot be part of a name.
        """
        kind = environment.get("TONARI_ENGINE") or "builtin"
        url = environment.get("TONARI_ENGINE_URL", "")
        if kind != "builtin" and not url:
            raise SettingError(f"The engine {kind} needs the environment variable TONARI_ENGINE_URL: where it answers.")
        prefix = environment.get("TONARI_ENGINE_PREFIX") or "tonari"
        if not PREFIX.fullmatch(prefix):
            raise SettingError(
                "The environment variable TONARI_ENGINE_PREFIX has 1-20 lower-case letters, digits and underscores and "
                f"begins with a letter; it is {prefix!r:.40}."
            )
        return cls(
            kind=kind,
            url=url,
            prefix=prefix,
            secret=environment.get("TONARI_ENGINE_SECRET", ""),
            region=environment.get("TONARI_ENGINE_REGION", ""),
            authority=environment.get("TONARI_ENGINE_CA", ""),
            user=environment.get("TONARI_ENGINE_USER", ""),
            password=environment.get("TONARI_ENGINE_PASSWORD", ""),
            token=environment.get("TONARI_ENGINE_TOKEN", ""),
        )

    @property
    def own_secret(self) -> dict[str, str]:
        """What the environment itself says of user, password and token."""
        return {"user": self.user, "password": self.password, "token": self.token}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function is told by its environment.

    Parameters
    ----------
    catalogue, artefacts
        Names of the two buckets (``TONARI_CATALOGUE_BUCKET``, ``TONARI_ARTEFACT_BUCKET``).
    head_max_age
        Seconds for which a head may be believed without asking S3 again (``TONARI_HEAD_MAX_AGE``, 10).
    cache
        Folder for downloaded artefacts (``TONARI_CACHE_DIR``, a folder of the temporary directory).
    rebuild_function
        Name of the function that rebuilds, or empty: then nobody can be asked (``TONARI_REBUILD_FUNCTION``).
    margins
        Of the gates before publishing.
    rebuild_machine
        ARN of the state machine by which many functions encode, or empty: then one does all
        (``TONARI_REBUILD_MACHINE``).
    shard
        Views that one function encodes at a time (``TONARI_SHARD``, 1,000).
    engine
        What answers searches.
    """

    catalogue: str
    artefacts: str
    head_max_age: float
    cache: Path
    rebuild_function: str
    margins: Margins = USUAL
    rebuild_machine: str = ""
    shard: int = SHARD
    engine: EngineSettings = EngineSettings()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises
        ------
        SettingError
            If a bucket is not named, or a number is none.
        """
        return cls(
            catalogue=_bucket(environment, "TONARI_CATALOGUE_BUCKET"),
            artefacts=_bucket(environment, "TONARI_ARTEFACT_BUCKET"),
            head_max_age=_number(environment, "TONARI_HEAD_MAX_AGE", 10.0, sys.float_info.max, "a number of seconds"),
            cache=Path(environment.get("TONARI_CACHE_DIR") or Path(tempfile.gettempdir()) / "tonari"),
            rebuild_function=environment.get("TONARI_REBUILD_FUNCTION", ""),
            margins=Margins.read(environment),
            rebuild_machine=environment.get("TONARI_REBUILD_MACHINE", ""),
            shard=max(1, int(_number(environment, "TONARI_SHARD", SHARD, MOST_SHARD, f"at most {MOST_SHARD:,} views"))),
            engine=EngineSettings.read(environment),
        )


def is_this_machine(url: str) -> bool:
    """Tell whether a URL means this machine, which no proxy leads to.

    >>> [is_this_machine(f"http://{host}/") for host in ("127.1:80", "[::1]:80", "localhost", "example.org")]
    [True, True, True, False]
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # short forms, such as 127.1
        except (OSError, ValueError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _bucket(environment: Mapping[str, str], name: str) -> str:
    bucket = environment.get(name, "")
    if not bucket:
        raise SettingError(f"The environment variable {name} must name a bucket.")
    return bucket


def _number(environment: Mapping[str, str], name: str, usual: float, most: float, what: str) -> float:
    text = environment.get(name)
    if not text:
        return usual
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise SettingError(f"The environment variable {name} is {what}, not {text!r:.40}.")
    return number
