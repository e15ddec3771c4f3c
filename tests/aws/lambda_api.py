"""Lambda's Invoke endpoint, so that any AWS SDK can run the local functions (``AWS_ENDPOINT_URL_LAMBDA``)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from aws.functions import FunctionError
from tonari.errors import TonariError, TooLargeError

INVOKE = re.compile(r"/2015-03-31/functions/(?:[^/]*:function:)?([^/:]+)(?::[^/]*)?/invocations")
VERSION = {"x-amz-executed-version": "$LATEST"}


class LambdaApi:
    """A WSGI application with one route; see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.

    An ``Event`` invocation is acknowledged at once and runs when the function is free; it is tried once, where Lambda
    tries three times.

    Parameters
    ----------
    functions
        Name -> what runs it on an event.
    log
        Takes why an ``Event`` invocation failed.
    """

    def __init__(self, functions: Mapping[str, Callable[[bytes], bytes]], log: Callable[[str], object]) -> None:
        self._functions = functions
        self._log = log
        self._threads = ThreadPoolExecutor(8, "lambda")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(Request(environ))(environ, start_response)

    def close(self) -> None:
        """Take no more invocations, and forget those that have not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: Request) -> Response:
        match = INVOKE.fullmatch(request.path)
        if match is None or request.method != "POST":
            return _error(404, "UnknownOperationException", "This endpoint knows but one operation: Invoke.")
        name = match.group(1)
        if (invoke := self._functions.get(name)) is None:
            known = ", ".join(self._functions)
            return _error(404, "ResourceNotFoundException", f"Function not found: {name}. There are: {known}.")
        event = request.get_data() or b"{}"
        match request.headers.get("X-Amz-Invocation-Type", "RequestResponse"):
            case "Event":
                self._threads.submit(self._run, name, invoke, event)
                return Response(status=202)
            case "DryRun":
                return Response(status=204)
            case "RequestResponse":
                return _invoked(invoke, event)
            case other:
                return _error(400, "InvalidParameterValueException", f"Unknown invocation type: {other}")

    def _run(self, name: str, invoke: Callable[[bytes], bytes], event: bytes) -> None:
        try:
            invoke(event)
        except TonariError as error:
            self._log(f"{name}: {error.detail}\n")


def _invoked(invoke: Callable[[bytes], bytes], event: bytes) -> Response:
    try:
        return Response(invoke(event), headers=VERSION, content_type="application/json")
    except TooLargeError as error:
        return _error(413, "RequestTooLargeException", error.detail)
    except FunctionError as error:
        headers = VERSION | {"x-amz-function-error": "Unhandled"}
        return Response(error.payload, headers=headers, content_type="application/json")


def _error(status: int, kind: str, message: str) -> Response:
    body = json.dumps({"Type": "User", "Message": message})
    return Response(body, status, {"x-amzn-errortype": kind}, content_type="application/json")
