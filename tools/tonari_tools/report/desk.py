"""/report of the demo: made by a process of its own when it is asked for, kept until another snapshot is live."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from tonari.errors import NotReadyError, TonariError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket

DEADLINE = 600.0
TAIL = 4
PREFIX = "tonari: "


class ReportError(TonariError):
    """A report that could not be made."""


class ReportProcess:
    """Runs ``tonari report`` on two buckets.

    Its output goes to a log. ``endpoint`` is the URL of their S3 server, or empty.
    """

    def __init__(self, catalogue: str, artefacts: str, endpoint: str, log: Path) -> None:
        self._buckets = ["--catalogue", catalogue, "--artefacts", artefacts]
        if endpoint:
            self._buckets += ["--endpoint-url", endpoint]
        self._log = log
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def make(self, out: Path) -> None:
        """Write the report of the live snapshot to a path. Not for two threads at once.

        Raises
        ------
        ReportError
            If it cannot be made, or not within ten minutes.
        """
        command = [sys.executable, "-P", "-m", "tonari_tools.cli.main", "report", "--out", str(out.resolve())]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._buckets], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if self._ended.is_set():
            self._process.kill()
        try:
            code = self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise ReportError(f"It was not ready within {DEADLINE:.0f} s; see {self._log}.") from error
        if code != 0:
            raise ReportError(_reason(self._log) or f"`tonari report` ended with {code}; see {self._log}.")

    def stop(self) -> None:
        """End the process, and any that would be started later."""
        self._ended.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _reason(log: Path) -> str:
    """Find what the command says last of what went wrong, else the end of all that it wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
    return errors[-1] if errors else " ".join(lines[-TAIL:])


PATH = "/report"
LINK = b'<p class="soft"><a class="link" href="/report">Report on this catalogue</a></p></header>'
HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff", "x-frame-options": "DENY"}


class Desk:
    """A WSGI application that answers ``/report`` itself, and links to it from the page that another one gives.

    ``make`` writes the report of the live snapshot to ``out``, also over what an earlier run left there; ``log`` takes
    why that failed.
    """

    def __init__(
        self,
        application: WSGIApplication,
        artefacts: Bucket,
        out: Path,
        make: Callable[[Path], None],
        log: Callable[[str], object],
    ) -> None:
        self._application, self._artefacts, self._out = application, artefacts, out
        self._make, self._log = make, log
        self._making = threading.Lock()
        self._made: str | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if request.path == PATH:
            return self._answer(request)(environ, start_response)
        if request.path != "/" or request.method not in {"GET", "HEAD"}:
            return self._application(environ, start_response)
        page = Response.from_app(self._application, {**environ, "REQUEST_METHOD": "GET"})
        if page.mimetype == "text/html":
            page.set_data(page.get_data().replace(b"</header>", LINK, 1))
        return page(environ, start_response)

    def prepare(self, stop: threading.Event) -> None:
        """Make the report of what is live now, so that whoever asks need not wait."""
        try:
            self._current()
        except TonariError as error:
            if not stop.is_set():
                self._log(f"report: {error.detail}\n")

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return Response("Only GET and HEAD are answered here.\n", 405, {"allow": "GET, HEAD"})
        try:
            page = self._current()
        except TonariError as error:
            self._log(f"report: {error.detail}\n")
            return Response(f"There is no report: {error.detail}\n", 503, HEADERS)
        return Response(page, 200, HEADERS, content_type="text/html; charset=utf-8")

    def _current(self) -> bytes:
        snapshot = read_head(self._artefacts).head.snapshot
        if snapshot is None:
            raise NotReadyError("Nothing is published yet; try again when the first rebuild has ended.")
        with self._making:
            try:
                if self._made != snapshot:
                    self._make(self._out)
                    self._made = snapshot
                return self._out.read_bytes()
            except OSError as error:
                self._made = None
                raise ReportError(f"{error}.") from error
