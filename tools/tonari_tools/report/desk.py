"""``/report`` of the demo: the report of whatever is live, made when it is asked for and kept until the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from tonari.errors import NotReadyError, TonariError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket

PATH = "/report"
LINK = b'<p class="soft"><a class="link" href="/report">Report on this catalogue</a></p></header>'
HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff", "x-frame-options": "DENY"}


class Desk:
    """A WSGI application that answers ``/report`` itself, and links to it from the page that another one gives.

    Parameters
    ----------
    application
        Answers all else.
    artefacts
        Whose head says what is live.
    folder
        For the report, which is named by its snapshot; what an earlier run left there is forgotten.
    make
        Writes the report of the live snapshot to a path.
    log
        Takes why that failed.
    """

    def __init__(
        self,
        application: WSGIApplication,
        artefacts: Bucket,
        folder: Path,
        make: Callable[[Path], None],
        log: Callable[[str], object],
    ) -> None:
        self._application, self._artefacts, self._folder = application, artefacts, folder
        self._make, self._log = make, log
        self._making = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._forget(None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if request.path == PATH:
            return self._answer(request)(environ, start_response)
        if request.path != "/" or request.method != "GET":
            return self._application(environ, start_response)
        page = Response.from_app(self._application, environ)
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
        path = self._folder / Path(f"{snapshot}.html").name
        with self._making:
            if not path.exists():
                self._make(path)
                self._forget(path)
            return path.read_bytes()

    def _forget(self, kept: Path | None) -> None:
        for path in self._folder.glob("*.html"):
            if path != kept:
                path.unlink(missing_ok=True)
