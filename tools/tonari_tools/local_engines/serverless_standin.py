"""The server of the stand-in for OpenSearch Serverless: ``python -m …serverless_standin PORT URL``.

It checks that each request is signed and keeps to the rules, and hands it on to the OpenSearch at that URL.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import urllib3

from tonari_tools.local_engines.running import HOST
from tonari_tools.local_engines.serverless_standin_rules import (
    RefusedByRulesError,
    Request,
    joined,
    parted,
    translated,
)
from tonari_tools.local_engines.serverless_standin_signatures import why_unsigned

CONNECTIONS = 16


class Behind:
    """The OpenSearch behind the stand-in."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=120)

    def answer(self, request: Request, lines: str) -> tuple[int, bytes]:
        """Give status and body of the answer to a request; ``lines`` is its type of content."""
        asked = translated(request)
        if not request.path.endswith("_bulk"):
            return self._ask(asked, lines)
        body, answers = parted(asked)
        status, said = (200, b"{}") if not body else self._ask(Request("POST", request.path, "", body), lines)
        return (status, json.dumps(joined(answers, json.loads(said))).encode()) if status == 200 else (status, said)

    def _ask(self, request: Request, kind: str) -> tuple[int, bytes]:
        try:
            said = self._pool.request(
                request.method,
                f"{self._url}{request.path}",
                body=request.body or None,
                headers={"content-type": kind},
                redirect=False,
            )
        except urllib3.exceptions.HTTPError:
            return 503, b'{"message": "the OpenSearch behind the stand-in does not answer"}'
        return said.status, said.data


class Handler(BaseHTTPRequestHandler):
    """Answers as the stand-in does."""

    protocol_version = "HTTP/1.1"
    behind: ClassVar[Behind]

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if why := why_unsigned(self.command, self.path, headers, body):
            self._say(403, {"status": 403, "error": {"reason": f"403 Forbidden: {why}", "type": "Forbidden"}})
            return
        path, _, parameters = self.path.partition("?")
        try:
            status, said = self.behind.answer(
                Request(self.command, path, parameters, body), headers.get("content-type", "application/json")
            )
        except RefusedByRulesError as refused:
            self._say(refused.status, refused.body)
        else:
            self._say(status, said)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _say(self, status: int, said: Any) -> None:
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """The stand-in's server, a thread for each connection."""

    request_queue_size = 64
    daemon_threads = True


def main(port: int, url: str) -> None:
    """Serve the stand-in until killed."""
    Handler.behind = Behind(url)
    with Server((HOST, port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
