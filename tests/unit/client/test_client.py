from __future__ import annotations

import math
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from relay import Relay
from served import served
from tonari.api.http import Request, Response
from tonari.api.reading import read_parameters
from tonari.client import MOST_DIRECT_BYTES, Client
from tonari.contract.answers import (
    FoundItem,
    ItemsAnswer,
    ListedItem,
    Plan,
    PutAnswer,
    SearchAnswer,
    UploadAnswer,
    UploadForm,
)
from tonari.contract.requests import ItemsRequest, PredictRequest, SearchOptions, SearchRequest
from tonari.contract.routes import ROUTES
from tonari.errors import (
    ConflictError,
    InvalidFilterError,
    InvalidRequestError,
    NotReadyError,
    StaleCursorError,
    StoreError,
    TonariError,
    TooLargeError,
    UnexpectedAnswerError,
    UnknownItemError,
    UnreachableError,
)
from tonari.storage import last_use

KEY = "uploads/" + "0" * 32


class Scripted:
    """Answers one response after the other, the last for ever, and keeps what it was asked."""

    def __init__(self, *responses: Response) -> None:
        self.responses, self.requests = list(responses), []
        self.requests: list[Request]

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def found(*ids: str, **more: Any) -> Response:
    items = tuple(FoundItem(id=one, score=0.5, view="a.jpg") for one in ids)
    plan = Plan(path="scan", matching=len(ids), scanned=len(ids), exact=False)
    answer = SearchAnswer(items=items, plan=plan, took_ms={}, generation=1, snapshot="s", encoder="e", **more)
    return Response.of(answer)


def read(request: Request, name: str) -> Any:
    """Read a request as the application does."""
    route = next(route for route in ROUTES if route.name == name)
    assert (request.method, route.path.split("{")[0]) == (route.method, request.path[: len(route.path.split("{")[0])])
    return read_parameters(route, request)


def test_a_search_by_json(stack: ExitStack) -> None:
    app = Scripted(found("a", "b"))
    client = Client(stack.enter_context(served(app)))
    request = SearchRequest(vector=(1.0, 0.5), k=3, ids=("a,b", "c"), filter={"price": {"$lt": 5}})

    answer = client.search(request)

    assert [item.id for item in answer.items] == ["a", "b"]
    assert read(app.requests[0], "search") == request


@pytest.mark.parametrize("as_path", [False, True])
def test_a_picture_goes_as_it_is(stack: ExitStack, tmp_path: Path, as_path: bool) -> None:  # noqa: FBT001
    app = Scripted(found("a"))
    client = Client(stack.enter_context(served(app)))
    data = b"\xff\xd8 a picture"
    (tmp_path / "a.jpg").write_bytes(data)
    options = SearchOptions(
        k=3, filter={"name": "a & b"}, ids=("a,b", "[c", ""), exact=True, include=(), predict=("color", "a b"),
        group_by="null", min_score=0.25,
    )  # fmt: skip

    client.search(tmp_path / "a.jpg" if as_path else data, options)

    assert app.requests[0].body == data
    assert read(app.requests[0], "search") == SearchRequest(
        image=data, **{name: getattr(options, name) for name in options.__struct_fields__}
    )


def test_a_prediction(stack: ExitStack) -> None:
    answer = {"predictions": {}, "method": "vote", "generation": 1, "snapshot": "s", "encoder": "e", "took_ms": {}}
    app = Scripted(Response.of(answer))
    client = Client(stack.enter_context(served(app)))

    assert client.predict(PredictRequest(image=b"x", method="vote", attributes=("a",))).method == "vote"
    assert client.predict(b"y").predictions == {}
    assert read(app.requests[0], "predict") == PredictRequest(image=b"x", method="vote", attributes=("a",))
    assert read(app.requests[1], "predict") == PredictRequest(image=b"y")


@pytest.mark.parametrize(
    ("size", "ids"), [(MOST_DIRECT_BYTES + 1, ()), (10, tuple(f"{number:08d}" for number in range(500)))]
)
def test_what_no_request_can_carry_is_uploaded(stack: ExitStack, size: int, ids: tuple[str, ...]) -> None:
    app = Scripted()
    url = stack.enter_context(served(app))
    form = UploadAnswer(upload=KEY, url=f"{url}/form", fields={"policy": "5", "key": "k"}, most_bytes=5)
    app.responses = [Response.of(form), Response(204), found("a", next="x"), found("b")]
    data = b"\xff" * size

    assert [one.id for one in Client(url).search_all(data, SearchOptions(k=1, ids=ids))] == ["a", "b"]

    read(app.requests[0], "upload")
    posted = app.requests[1]
    assert (posted.path, posted.media_type) == ("/form", "multipart/form-data")
    places = [posted.body.index(part) for part in (b"policy", b"key", b"Content-Type", b'name="file"', data)]
    assert places == sorted(places)
    assert read(app.requests[2], "search") == SearchRequest(upload=KEY, k=1, ids=ids)
    assert read(app.requests[3], "search") == SearchRequest(upload=KEY, k=1, ids=ids, cursor="x")


def test_an_upload_that_is_refused(stack: ExitStack) -> None:
    app = Scripted()
    url = stack.enter_context(served(app))
    form = UploadAnswer(upload=KEY, url=f"{url}/form", fields={}, most_bytes=5)
    app.responses = [Response.of(form), Response(403, b"<Error>EntityTooLarge</Error>", "application/xml")]

    with pytest.raises(UnexpectedAnswerError, match=r"refused with status 403.*EntityTooLarge"):
        Client(url).upload(b"x")


def test_an_item_and_its_images_are_written(stack: ExitStack) -> None:
    app = Scripted()
    url = stack.enter_context(served(app))
    form = UploadForm(url=f"{url}/form", fields={"key": "images/a b/${filename}"}, most_bytes=5)
    app.responses = [Response.of(PutAnswer(id="a b", upload=form), 202), Response(204)]

    Client(url).put_item("a b", {"price": 5}, {"vue é.png": b"picture"})

    assert (app.requests[0].path, read(app.requests[0], "put_item")) == ("/v1/items/a b", {"price": 5})
    assert 'filename="vue é.png"'.encode() in app.requests[1].body
    assert b"image/png" in app.requests[1].body


def test_fields_of_an_item_are_changed(stack: ExitStack) -> None:
    app = Scripted()
    url = stack.enter_context(served(app))
    form = UploadForm(url=f"{url}/form", fields={}, most_bytes=5)
    app.responses = [Response.of(PutAnswer(id="a b", upload=form, warnings={"price": "no"}), 202), Response(204)]

    answer = Client(url).patch_item("a b", {"price": 5, "note": None}, {"vue.jfif": b"picture"})

    assert (app.requests[0].method, app.requests[0].path) == ("PATCH", "/v1/items/a b")
    assert read(app.requests[0], "patch_item") == {"price": 5, "note": None}
    assert b"Content-Type: image/jpeg" in app.requests[1].body
    assert answer.warnings == {"price": "no"}


def listed(*ids: str, **more: Any) -> Response:
    items = tuple(ListedItem(id=one, fields={"price": 5}, image=None) for one in ids)
    return Response.of(ItemsAnswer(items=items, matching=3, generation=1, snapshot="s", encoder="e", **more))


@pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, -math.inf]])
def test_what_json_would_say_as_null_is_not_sent(value: Any) -> None:
    client = Client("http://127.0.0.1:1", retries=0)
    for write in (client.put_item, client.patch_item):
        with pytest.raises(InvalidRequestError, match=r"no number of JSON\. Write None, or leave the field out"):
            write("red-ball", {"price": value})


def test_lists(stack: ExitStack) -> None:
    app = Scripted(listed("a", "b", next="1"), listed("a", "b", next="1"), listed("c"))
    client = Client(stack.enter_context(served(app)))
    request = ItemsRequest(
        sort="-price", k=2, filter={"name": "a & é"}, ids=("a,b", "c"), fields=("price",), facets=("price",),
        include=("fields",),
    )  # fmt: skip

    answer = client.items(request)
    every = [one.id for one in client.items_all(request)]

    assert ([item.id for item in answer.items], answer.matching, answer.next) == (["a", "b"], 3, "1")
    assert every == ["a", "b", "c"]
    assert [one.method for one in app.requests] == ["GET"] * 3
    assert [read(one, "items") for one in app.requests] == [request, request, replace(request, cursor="1")]


def test_a_list_that_no_url_holds(stack: ExitStack) -> None:
    app = Scripted(listed("a"))
    client = Client(stack.enter_context(served(app)))

    with pytest.raises(InvalidRequestError, match=r"takes 1\d,\d{3} characters in a URL, .* name fewer 'ids' at once"):
        client.items(ItemsRequest(ids=tuple(f"item-{number}" for number in range(1_000))))
    assert app.requests == []


def test_a_list_of_everything(stack: ExitStack) -> None:
    app = Scripted(listed("a"))
    client = Client(stack.enter_context(served(app)))

    assert [one.id for one in client.items().items] == [one.id for one in client.items_all()] == ["a"]
    assert [read(one, "items") for one in app.requests] == [ItemsRequest()] * 2


def test_all_pages(stack: ExitStack) -> None:
    app = Scripted(found("a", "b", next="1"), found("c", next="2"), found())
    client = Client(stack.enter_context(served(app)))

    assert [one.id for one in client.search_all(SearchRequest(id="x"))] == ["a", "b", "c"]
    assert [read(one, "search").cursor for one in app.requests] == [None, "1", "2"]


def test_similar_items(stack: ExitStack) -> None:
    app = Scripted(found("a"))
    client = Client(stack.enter_context(served(app)))

    client.similar("a/b?", SearchOptions(k=5))

    assert read(app.requests[0], "search") == SearchRequest(id="a/b?", k=5)
    with pytest.raises(InvalidRequestError, match="256 bytes"):
        client.similar("x" * 300)


NAMES = [
    "v\u00a013",
    "\u202f",
    "👩\u200d🦰",
    "a+b",
    "50%",
    "%41",
    "a?b=c&d#e",
    "a\\b",
    "'\"",
    " a ",
    ".a",
    "~a",
    "{id}",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_arrives_as_it_is(stack: ExitStack, name: str) -> None:
    app = Scripted(Response.problem(UnknownItemError("x")))
    client = Client(stack.enter_context(served(app)))

    for ask in (client.item, client.image, client.delete_item, lambda one: client.image("a", one)):
        with pytest.raises(UnknownItemError):
            ask(name)
    with pytest.raises(UnknownItemError):
        client.search(b"x", SearchOptions(group_by=name, ids=(name,), filter={name: name}))

    paths = [request.path for request in app.requests[:3]]
    assert paths == [f"/v1/items/{name}", f"/v1/items/{name}/image", f"/v1/items/{name}"]
    assert app.requests[3].query == (("view", name),)
    found = read(app.requests[4], "search")
    assert (found.group_by, found.ids, found.filter) == (name, (name,), {name: name})


def test_names_are_sent_in_nfc_and_numbers_as_their_digits(stack: ExitStack) -> None:
    app = Scripted(Response.problem(UnknownItemError("x")))
    url = stack.enter_context(served(app))

    for one in ("cafe\u0301", 777):
        with pytest.raises(UnknownItemError):
            Client(url).item(one)  # type: ignore[arg-type]
    assert [request.path for request in app.requests] == ["/v1/items/café", "/v1/items/777"]
    request: Any = SearchRequest(id=777, ids=("e\u0301", 5, "5", "é"))  # type: ignore[arg-type]
    assert (request.id, request.ids) == ("777", ("é", "5"))
    form = UploadForm(url=f"{url}/form", fields={"key": "images/a/${filename}"}, most_bytes=5)
    app.responses = [Response.of(PutAnswer(id="a", upload=form), 202), Response(204)]
    Client(url).put_item("a", {}, {"gru\u0308n.png": b"picture"})
    assert 'filename="grün.png"'.encode() in app.requests[-1].body


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("a"), InvalidFilterError("b"), UnknownItemError("c"), StaleCursorError("d"),
        TooLargeError("e"), ConflictError("i"), NotReadyError("f"), StoreError("g"), TonariError("h"),
    ],
)  # fmt: skip
def test_problems_are_raised_as_what_they_are(stack: ExitStack, error: TonariError) -> None:
    client = Client(stack.enter_context(served(Scripted(Response.problem(error)))), retries=0)

    with pytest.raises(TonariError) as raised:
        client.health()

    assert (type(raised.value), raised.value.detail) == (type(error), error.detail)


def test_a_problem_of_a_newer_kind(stack: ExitStack) -> None:
    problem = {"type": "urn:tonari:problem:never-seen", "title": "t", "status": 400, "detail": "d", "more": 5}
    client = Client(stack.enter_context(served(Scripted(Response(400, msgspec.json.encode(problem))))))

    with pytest.raises(TonariError, match=r"^d$"):
        client.health()


@pytest.mark.parametrize(
    "response",
    [
        Response(403, b'{"message": "Forbidden"}'),
        Response(502, b"<html>Bad gateway</html>", "text/html"),
        Response(200, b"<html>Welcome</html>", "text/html"),
        Response(200, b'{"status": "up"}'),
        Response(302, headers={"location": "/login"}),
    ],
)
def test_what_tonari_does_not_answer(stack: ExitStack, response: Response) -> None:
    client = Client(stack.enter_context(served(Scripted(response))))

    with pytest.raises(UnexpectedAnswerError, match=f"status {response.status}"):
        client.health()


def test_answers_may_gain_fields(stack: ExitStack) -> None:
    answer = msgspec.json.decode(found("a").body) | {"never_seen": {"x": 1}}
    client = Client(stack.enter_context(served(Scripted(Response.of(answer)))))

    assert client.search(SearchRequest(id="x")).items[0].id == "a"


@pytest.mark.parametrize("busy", [Response.problem(StoreError("busy")), Response(429, b'{"message": "slow down"}')])
def test_busy_services_are_asked_again(stack: ExitStack, busy: Response) -> None:
    busy = Response(busy.status, busy.body, busy.media_type, {"retry-after": "0"})
    app = Scripted(busy, busy, found("a"))
    client = Client(stack.enter_context(served(app)))

    assert client.search(SearchRequest(id="x")).items[0].id == "a"
    assert len(app.requests) == 3


def test_not_for_ever(stack: ExitStack) -> None:
    problem = Response.problem(NotReadyError("wait"))
    app = Scripted(Response(problem.status, problem.body, problem.media_type, {"retry-after": "0"}))

    with pytest.raises(NotReadyError, match="wait"):
        Client(stack.enter_context(served(app)), retries=2).health()
    assert len(app.requests) == 3


def test_the_wait_is_the_answer_s(stack: ExitStack) -> None:
    problem = Response.problem(NotReadyError("wait"))
    app = Scripted(Response(503, problem.body, problem.media_type, {"retry-after": "1"}), found("a"))
    client = Client(stack.enter_context(served(app)))

    started = time.monotonic()
    client.search(SearchRequest(id="x"))
    assert time.monotonic() - started >= 1


def test_nobody_answers() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"Nobody answers at {url[7:]}"):
            Client(url, retries=0).health()


def test_a_connection_that_breaks_is_opened_again(stack: ExitStack) -> None:
    """A server that closes without an answer, once."""
    server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    body = found("a").body
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)

    def answer() -> None:
        server.accept()[0].close()
        connection, _ = server.accept()
        connection.recv(65_536)
        connection.sendall(head + body)
        connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    client = Client(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert client.search(SearchRequest(id="x")).items[0].id == "a"
    thread.join()


def test_connections_are_kept(stack: ExitStack) -> None:
    app = Scripted(found("a"))
    client = Client(stack.enter_context(served(app)))
    for _ in range(3):
        client.search(SearchRequest(id="x"))

    (pool,) = client._transport._pools.values()
    (host,) = [pool.pools[key] for key in pool.pools.keys()]  # noqa: SIM118
    assert (host.num_connections, host.num_requests) == (1, 3)
    pool.clear()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_stands_before_this_machine(stack: ExitStack, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    url = stack.enter_context(served(Scripted(found("a"))))

    for host in ("127.0.0.1", "localhost"):
        assert Client(url.replace("127.0.0.1", host)).search(SearchRequest(id="x")).items[0].id == "a"


def test_a_proxy_of_the_environment_is_used(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Scripted(found("a"))
    proxy = stack.enter_context(served(app))
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert Client("http://shop.example/api").search(SearchRequest(id="x")).items[0].id == "a"
    assert app.requests[0].path == "/api/v1/search"
    monkeypatch.setenv("no_proxy", "shop.example")
    with pytest.raises(UnreachableError):
        Client("http://shop.example/api", retries=0).health()


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:9", "http://me:secret@[bad", "socks5://127.0.0.1:9", "https://127.0.0.1:x", "[:"]
)
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnreachableError, match="by the proxy that http_proxy names") as refused:
        Client("http://shop.example", retries=0).health()
    assert "secret" not in str(refused.value)


def test_headers_go_to_the_api_alone(stack: ExitStack) -> None:
    seen: list[str | None] = []
    app = Scripted(Response(302, headers={"location": "/picture"}), Response(200, b"picture", "image/png"))

    client = Client(stack.enter_context(served(app)), headers={"authorization": "Bearer x"})
    request = client._transport.request

    def noted(method: str, url: str, body: Any = None, headers: Any = None) -> Any:
        seen.append((headers or {}).get("authorization"))
        return request(method, url, body, headers)

    client._transport.request = noted  # type: ignore[method-assign]

    assert client.image("a", "front view.jpg") == b"picture"
    assert seen == ["Bearer x", None]
    assert app.requests[0].query == (("view", "front view.jpg"),)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8787", "ftp://127.0.0.1", "http://", "/v1", "http://[::1", "http://a:99999"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a URL such as"):
        Client(url)


def test_a_picture_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"nope\.jpg cannot be read: No such file"):
        Client("http://127.0.0.1:9").search(tmp_path / "nope.jpg")


def test_options_beside_a_request_that_has_its_own() -> None:
    with pytest.raises(InvalidRequestError, match="has its own options"):
        Client("http://127.0.0.1:9").search(SearchRequest(id="a"), SearchOptions(k=5))


class _OnceEach(socketserver.StreamRequestHandler):
    """Says that it keeps the connection, and closes it when something comes over it again."""

    def handle(self) -> None:
        while (line := self.rfile.readline()) != b"\r\n":
            assert line
        body = b'{"openapi": "3.1.0"}'
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
        self.wfile.write(body)
        self.wfile.flush()
        self.rfile.read(1)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.mark.parametrize("retries", [0, 1])
def test_a_connection_that_was_closed_meanwhile_costs_no_try(retries: int) -> None:
    with _Server(("127.0.0.1", 0), _OnceEach) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        client = Client(f"http://127.0.0.1:{server.server_address[1]}", retries=retries)
        for _ in range(3):
            assert client.openapi() == {"openapi": "3.1.0"}
        server.shutdown()


def test_a_connection_that_died_in_silence_is_not_waited_for(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "IDLE_SECONDS", 0.05)
    url = stack.enter_context(served(Scripted(found("a"), found("b"))))
    relay = stack.enter_context(Relay(url))
    client = Client(relay.url, retries=0)
    assert client.search(b"picture").items[0].id == "a"
    relay.end_all("silent")
    time.sleep(0.1)
    assert client.search(b"picture").items[0].id == "b"
    assert relay.swallowed == 0
