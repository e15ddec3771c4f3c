"""An application served over HTTP on a free port of this machine, for tests of clients."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tonari.api.http import Request, Response, read_query


@contextlib.contextmanager
def served(app: Callable[[Request], Response]) -> Iterator[str]:
    """Give the URL at which the application answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            content_type, encoding = (self.headers.get(name, "") for name in ("content-type", "content-encoding"))
            path = unquote(parts.path, errors="surrogateescape")
            response = app(Request(self.command, path, read_query(parts.query), content_type, body, encoding))
            self.send_response(response.status)
            headers = {"content-type": response.media_type, "content-length": str(len(response.body))}
            for name, value in {**headers, **response.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
