"""What is asked of a hub: which files a revision has, and their bytes.

Source: the Hub API of Hugging Face, ``GET /api/models/{repository}/revision/{revision}?blobs=true``, which states for
each file its length and either the sha256 of its content (Git LFS) or git's own id of it, and
``GET /{repository}/resolve/{commit}/{file}``, which may send on to another host.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.errors import TonariError
from tonari_tools.hub.lockfile import COMMIT, SHA256

DEFAULT = "https://huggingface.co"
TIMEOUT = 30.0
CHUNK = 1 << 20
MOST_ANSWER = 16 << 20
"""Bytes of an answer of the API."""
ATTEMPTS = 4
"""How often a transfer that is cut is taken up again before it is given up."""
PARTIAL, NOT_SATISFIABLE = 206, 416

Moved = Callable[[int], None]
"""Told how many bytes of a file have come."""


class HubError(TonariError):
    """A hub cannot be reached, has not what is wanted, or gives other bytes than it states."""

    slug = "hub"
    title = "The encoder could not be fetched"


class HubUnreachableError(HubError):
    """A host does not answer."""

    def __init__(self, host: str, reason: str, remedy: str = "Try again when it can be reached.") -> None:
        super().__init__(f"{host} cannot be reached ({reason}). {remedy}")
        self.host, self.reason = host, reason


@dataclass(frozen=True, slots=True)
class Stated:
    """What a hub says of a file: its length in bytes; its sha256, or git's id of it (both hex)."""

    size: int
    sha256: str | None
    blob: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A revision: the commit (hex), the licence that its card names, empty if none, and its files by name."""

    commit: str
    licence: str
    files: Mapping[str, Stated]


def endpoint() -> str:
    """Give the address of the hub: ``HF_ENDPOINT``, else Hugging Face's own."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT


def list_revision(hub: str, repository: str, revision: str) -> Listing:
    """Ask what a revision, a branch or a commit, has.

    Raises
    ------
    HubError
        If there is no such repository or revision, or the answer is not of the documented form.
    HubUnreachableError
    """
    quoted = urllib.parse.quote(revision, safe="")
    url = f"{hub}/api/models/{repository}/revision/{quoted}?blobs=true"
    try:
        with _open(url) as answer:
            raw = json.loads(answer.read(MOST_ANSWER))
        return Listing(_hex(raw["sha"], COMMIT), _licence(raw), dict(map(_stated, raw["siblings"])))
    except urllib.error.HTTPError as error:
        raise _refused(error, f"{repository} at {revision}") from error
    except (http.client.HTTPException, OSError) as error:
        raise HubUnreachableError(host_of(url), _reason(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HubError(
            f"{host_of(url)} answers in another form than the hub's: is HF_ENDPOINT right ({hub})?"
        ) from error


def download(hub: str, repository: str, commit: str, name: str, stated: Stated, to: Path, moved: Moved) -> str:
    """Fetch a file; what came of it before is kept in ``NAME.part`` and taken up again.

    Returns
    -------
    The sha256 (hex) of what came, which is as the hub states.

    Raises
    ------
    HubError
        If the transfer is cut again and again, or the bytes are not those that the hub states.
    HubUnreachableError
    """
    url = f"{hub}/{repository}/resolve/{commit}/{urllib.parse.quote(name)}"
    part = to.with_name(f"{to.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        try:
            _transfer(url, part, stated.size, moved)
        except urllib.error.HTTPError as error:
            if error.code < http.client.INTERNAL_SERVER_ERROR or attempt == ATTEMPTS - 1:
                raise _refused(error, f"{name} of {repository}") from error
        except (http.client.HTTPException, OSError) as error:
            if attempt == ATTEMPTS - 1:
                raise HubUnreachableError(host_of(url), _reason(error)) from error
        if part.is_file() and part.stat().st_size == stated.size:
            break
    else:
        there = part.stat().st_size if part.is_file() else 0
        raise HubError(
            f"{name} of {repository} broke off {ATTEMPTS} times, {there:,} of {stated.size:,} bytes came: run the "
            "command again, it goes on where it stopped."
        )
    found = hash_file(part, stated)
    if found is None:
        part.unlink()
        raise HubError(
            f"{name} of {repository} came with other bytes than {host_of(url)} states (sha256 or length): nothing was "
            "kept; a proxy or mirror may have changed it. Run the command again, or set HF_ENDPOINT."
        )
    part.replace(to)
    return found


def hash_file(path: Path, stated: Stated) -> str | None:
    """Give the sha256 (hex) of a file that is as stated; None if it is not."""
    if not path.is_file() or path.stat().st_size != stated.size:
        return None
    content, blob = hashlib.sha256(), hashlib.sha1(f"blob {stated.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            content.update(chunk)
            blob.update(chunk)
    if stated.sha256:
        return stated.sha256 if content.hexdigest() == stated.sha256 else None
    return content.hexdigest() if blob.hexdigest() == stated.blob else None


def host_of(url: str) -> str:
    """Name the host of an address."""
    return urllib.parse.urlsplit(url).netloc or url


def _open(url: str, begin: int = 0) -> Any:
    headers = {"User-Agent": "tonari", "Accept-Encoding": "identity"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise HubError(f"HF_ENDPOINT must be an address that begins with https://, it gives {url}.")
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)  # noqa: S310


def _transfer(url: str, part: Path, size: int, moved: Moved) -> None:
    """Append to ``part`` what is missing of it, until the answer ends."""
    begin = part.stat().st_size if part.is_file() else 0
    if begin > size:
        part.unlink()
        begin = 0
    if begin == size:
        part.touch()
        return
    with _open(url, begin) as answer, part.open("ab") as file:
        if answer.status != PARTIAL:
            file.truncate(0)
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            if file.tell() > size:
                return
            moved(len(chunk))


def _refused(error: urllib.error.HTTPError, what: str) -> HubError:
    host = host_of(error.url or "")
    if error.code in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        return HubError(f"{host} does not give {what} to everyone (HTTP {error.code}): bring its files by hand.")
    if error.code == http.client.NOT_FOUND:
        return HubError(f"{host} has no {what} (HTTP 404): it was moved or renamed; bring its files by hand.")
    return HubError(f"{host} answers HTTP {error.code} when asked for {what}: try again later.")


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None) or error
    return " ".join(str(inner).split())[:160] or type(inner).__name__


def _licence(raw: Mapping[str, Any]) -> str:
    card = raw.get("cardData")
    said = (card.get("license_name") or card.get("license")) if isinstance(card, dict) else None
    return said if isinstance(said, str) else ", ".join(map(str, said)) if isinstance(said, list) else ""


def _hex(value: object, form: Any) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{value!r:.80} is no hash")
    return value


def _stated(raw: Mapping[str, Any]) -> tuple[str, Stated]:
    lfs, size = raw.get("lfs"), raw["size"]
    if not isinstance(size, int) or size < 0:
        raise ValueError("a file has no length")
    if isinstance(lfs, dict):
        return raw["rfilename"], Stated(size, _hex(lfs.get("sha256") or lfs.get("oid"), SHA256), None)
    return raw["rfilename"], Stated(size, None, _hex(raw["blobId"], COMMIT))
