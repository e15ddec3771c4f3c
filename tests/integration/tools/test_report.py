"""``tonari report`` and the demo's ``/report`` over the real S3 server, a drawn shop with something to find."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from aws.services import Endpoint
from integration.shop import ATTRIBUTES, COLOURS, KINDS, draw, put_document, put_image
from pictures import encoded
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import SCHEMA, image_key
from tonari.snapshots.head import SNAPSHOTS, read_head
from tonari.snapshots.manifest import MANIFEST
from tonari.storage.bucket import Bucket
from tonari_tools.cli.main import main
from tonari_tools.report.desk import Desk, ReportError, ReportProcess
from tonari_tools.report.thumbnails import GONE, MOST, UNREADABLE, read_thumbnails

HOSTILE = "<script>alert(1)<|script>"
STEPS = range(20, 75, 5)
PAGE = b"<!doctype html><header><p>Shop</p></header>"


def fill(catalogue: Bucket) -> None:
    """Put 132 things: one mislabelled, one without a colour, one there twice, one with a hostile name.

    The schema says that each is a product of its own: names and looks would make 12 products of them, of which too few
    are left to judge another by.
    """
    catalogue.put(SCHEMA, json.dumps({**ATTRIBUTES, "split_by": "id"}).encode())
    for color in COLOURS:
        for kind in KINDS:
            for inset in STEPS:
                item = f"{color}-{kind}-{inset}"
                put_image(catalogue, item, encoded(draw(color, kind, inset=inset), "PNG"))
                fields = {"id": item, "color": color, "category": kind}
                if item == "red-ball-40":
                    fields["color"] = "blue"
                if item == "green-box-40":
                    del fields["color"]
                put_document(catalogue, item, fields)
    put_image(catalogue, HOSTILE, encoded(draw("red", "box", inset=20), "PNG"))
    put_document(catalogue, HOSTILE, {"id": HOSTILE, "color": "red", "category": "box"})


@pytest.fixture
def at(
    on_seaweed: Endpoint, catalogue: Bucket, artefacts: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The flags that lead to this test's buckets."""
    monkeypatch.chdir(tmp_path)
    return ["--catalogue", catalogue.name, "--artefacts", artefacts.name, "--endpoint-url", on_seaweed.url]


@pytest.mark.usefixtures("encoder")
def test_a_report_of_a_real_catalogue(
    at: list[str], context: RebuildContext, catalogue: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(catalogue)
    built = rebuild(context)
    catalogue.delete(image_key("blue-tent-40", "front.png"))
    assert main(["report", *at]) == 0
    out = tmp_path / "report.html"
    html = out.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"report.html  {out.stat().st_size:,} bytes\n"
    assert f"snapshot {built.snapshot}" in html
    assert "133" in html
    assert "red-ball-40" in html.partition("Labels that both methods contradict")[2].partition("<h3>")[0]
    doubles = html.partition("Nearly the same picture")[2].partition("<h3>")[0]
    assert "&lt;script&gt;alert(1)" in doubles
    assert "green-box-40" in html.partition("Values that could be filled in")[2].partition("<h2")[0]
    assert "<script" not in html
    assert html.count("<svg ") >= 8
    assert html.count("data:image/jpeg;base64,") > 20
    assert out.stat().st_size < 3_000_000

    assert main(["report", "--out", "again.html", *at]) == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html
    assert main(["report", "--out", "other.html", "--seed", "1", *at]) == 0
    assert (tmp_path / "other.html").read_text(encoding="utf-8") != html


@pytest.mark.usefixtures("published")
def test_a_small_catalogue_says_what_it_could_not_measure(at: list[str], tmp_path: Path) -> None:
    assert main(["report", *at]) == 0
    assert "fewer than 100 items" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_errors_say_what_to_do(
    at: list[str], context: RebuildContext, artefacts: Bucket, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop
    assert main(["report", *at]) == 1
    assert "run `tonari rebuild`" in capsys.readouterr().err
    assert main(["report", "--out", "gone/report.html", *at]) == 1
    assert "There is no folder gone" in capsys.readouterr().err
    built = rebuild(context)
    key = f"{SNAPSHOTS}{built.snapshot}/{MANIFEST}"
    manifest = json.loads(artefacts.get(key).data)
    artefacts.put(key, json.dumps({**manifest, "format": 3}).encode())
    assert main(["report", *at]) == 1
    assert "manifest.json" in capsys.readouterr().err


def test_thumbnails_are_bounded_and_bad_pictures_do_no_harm(catalogue: Bucket) -> None:
    bomb = encoded(Image.new("1", (20_000, 20_000)), "PNG", optimize=True)
    for name, data in (("good", encoded(draw("red", "box"), "PNG")), ("bomb", bomb), ("letter", b"Dear shop")):
        catalogue.put(name, data)
    reported: list[tuple[int, int]] = []
    keys = ["good", "bomb", "letter", "good", *(f"gone/{number}" for number in range(MOST))]
    found = read_thumbnails(catalogue, keys, lambda done, total: reported.append((done, total)))
    assert len(found) == MOST
    assert found["good"].uri.startswith("data:image/jpeg;base64,")
    assert found["bomb"] == found["letter"] == UNREADABLE
    assert found["gone/0"] == GONE
    assert reported[-1] == (MOST, MOST)


@Request.application
def site(request: Request) -> Response:
    if request.path == "/":
        return Response(PAGE, content_type="text/html")
    return Response(request.path, content_type="text/plain")


@pytest.fixture
def desk(at: list[str], catalogue: Bucket, artefacts: Bucket, tmp_path: Path) -> Desk:
    """The desk of a demo, in front of a small site; what it logs is thrown away."""
    assert at
    (tmp_path / "report.html").write_text("left by an earlier run")
    report = ReportProcess(catalogue.name, artefacts.name, "", tmp_path / "report.log")
    return Desk(site, artefacts, tmp_path / "report.html", report.make, io.StringIO().write)


def test_the_desk_shows_what_is_live(desk: Desk, context: RebuildContext, catalogue: Bucket, shop: str) -> None:
    assert shop
    asker = Client(desk)
    early = asker.get("/report")
    assert early.status_code == 503
    assert "Nothing is published yet" in early.text

    first = rebuild(context).snapshot
    shown = asker.get("/report")
    assert shown.status_code == 200
    assert shown.mimetype == "text/html"
    assert f"snapshot {first}" in shown.text
    assert asker.get("/report").data == shown.data
    assert asker.head("/report").data == b""
    assert asker.post("/report").status_code == 405

    put_document(catalogue, "red-ball", {"id": "red-ball", "color": "green", "category": "ball"})
    second = rebuild(context).snapshot
    assert second != first
    assert f"snapshot {second}" in asker.get("/report").text


@pytest.mark.usefixtures("published")
def test_the_desk_makes_the_report_beforehand(desk: Desk, artefacts: Bucket, tmp_path: Path) -> None:
    desk.prepare(threading.Event())
    assert f"snapshot {read_head(artefacts).head.snapshot}" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_desk_leaves_all_else_as_it_is_but_links_from_the_page(desk: Desk) -> None:
    asker = Client(desk)
    assert asker.get("/v1/health").data == b"/v1/health"
    page = asker.get("/")
    assert b'href="/report"' in page.data
    assert page.data.startswith(PAGE.removesuffix(b"</header>"))
    assert int(page.headers["content-length"]) == len(page.data)
    head = asker.head("/")
    assert (head.data, head.headers["content-length"]) == (b"", str(len(page.data)))


def test_why_there_is_no_report_is_said(at: list[str], tmp_path: Path) -> None:
    assert at
    report = ReportProcess("no-such-bucket", "no-such-bucket", "", tmp_path / "report.log")
    with pytest.raises(ReportError, match="there is no such bucket"):
        report.make(tmp_path / "report.html")
    report.stop()
    with pytest.raises(ReportError, match="ended with"):
        report.make(tmp_path / "report.html")


@pytest.mark.usefixtures("published")
def test_a_report_that_the_machine_refuses_is_said(artefacts: Bucket, tmp_path: Path) -> None:
    report = ReportProcess("a", "b", "", tmp_path / "no folder" / "report.log")
    logged = io.StringIO()
    desk = Desk(site, artefacts, tmp_path / "report.html", report.make, logged.write)
    desk.prepare(threading.Event())
    assert "report.log" in logged.getvalue()
    assert Client(desk).get("/report").status_code == 503
