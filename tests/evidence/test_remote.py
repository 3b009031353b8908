"""A bundle on a web server, against a server of this machine: fetched whole, bounded, or one line says why not."""

from __future__ import annotations

import hashlib
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

import synthetic as made

from suite.assess import open_evidence
from suite.errors import SuiteError
from suite.evidence.bundles.bundle import is_address, open_given
from suite.evidence.bundles.lent import Overlay
from suite.evidence.bundles.pack import pack
from suite.evidence.bundles.remote import FOLDER, fetch
from suite.evidence.store import Store
from suite.session import Session

CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """What servers do, by the folder that is asked for."""

    content = CONTENT
    asked: list[str] = []  # noqa: RUF012 - of all requests
    wait = threading.Event()

    def do_GET(self):
        self.asked.append(self.path)
        way = self.path.split("/")[1]
        if way == "gone":
            self.send_error(404, "Not Found")
            return
        if way in ("moved", "elsewhere"):
            self.send_response(302)
            self.send_header("Location", "/good/desk.tar.gz" if way == "moved" else "file:///etc/passwd")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if way == "page" else "application/gzip")
        if way not in ("endless", "silent"):
            more = {"short": 1, "huge": 10**12}.get(way, 0)
            self.send_header("Content-Length", str(len(self.content) + more))
        self.end_headers()
        if way == "silent":
            self.wait.wait(10)
        for _ in range(1000 if way == "endless" else 1):
            self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Server, "asked", [])
    with serving() as address:
        yield address


@contextmanager
def serving():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as made_server:
        thread = threading.Thread(target=made_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{made_server.server_port}"
        finally:
            Server.wait.set()
            made_server.shutdown()
            thread.join()
            Server.wait.clear()


@pytest.mark.parametrize("way", ["good", "moved"])
def test_a_file_is_fetched_under_its_digest(server, tmp_path, way):
    path = fetch(f"{server}/{way}/desk.tar.gz?a=1", tmp_path)
    assert path == tmp_path / FOLDER / DIGEST[:20] / "desk.tar.gz"
    assert path.read_bytes() == CONTENT


def test_only_a_file_whose_digest_is_given_is_not_fetched_again(server, tmp_path):
    address = f"{server}/good/desk.tar.gz"
    path = fetch(address, tmp_path)
    assert fetch(address, tmp_path) == path
    assert len(Server.asked) == 2
    assert fetch(f"{address}#sha256={DIGEST}", tmp_path) == path
    assert len(Server.asked) == 2
    path.write_bytes(b"edited")
    assert fetch(f"{address}#sha256={DIGEST}", tmp_path).read_bytes() == CONTENT
    assert len(Server.asked) == 3


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("gone/desk.tar.gz", "the server says 404 Not Found"),
        ("page/desk.tar.gz", "is a web page: give the address of the bundle itself"),
        ("good/", r"name a bundle \.tar\.gz or \.zip"),
        ("short/desk.tar.gz", "ended after 10,240 of 10,241 bytes"),
        ("elsewhere/desk.tar.gz", "cannot be reached|the server says|cannot be fetched"),
        ("silent/desk.tar.gz", "the server said nothing for 0.5 s"),
        (f"good/desk.tar.gz#sha256={'0' * 64}", f"is another file: its sha256 is {DIGEST}, not 0000"),
        ("good/desk.tar.gz#sha256=1", "after # comes sha256= and 64 hexadecimal digits"),
        ("big/desk.tar.gz", "is larger than 0 MiB"),
        ("endless/desk.tar.gz", "is larger than 0 MiB"),
        ("huge/desk.tar.gz", "is larger than 0 MiB"),
    ],
)
def test_whatever_is_wrong_is_one_line_and_nothing_is_kept(server, tmp_path, place, words):
    limit = 10_000 if place.startswith(("big", "endless")) else 20_000
    with pytest.raises(SuiteError, match=words) as fault:
        fetch(f"{server}/{place}", tmp_path, limit=limit, patience=0.5)
    assert "\n" not in str(fault.value)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_server_that_never_ends_is_left(server, tmp_path):
    with pytest.raises(SuiteError, match="the server takes too long"):
        fetch(f"{server}/good/desk.tar.gz", tmp_path, deadline=0.0)


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    with serving() as address:
        pass
    with pytest.raises(SuiteError, match="cannot be reached"):
        fetch(f"{address}/desk.zip", tmp_path)


def test_a_bundle_is_judged_from_its_address_and_its_digest_is_said(server, tmp_path, monkeypatch):
    store = Store(tmp_path / "theirs")
    made.fill(store, ("high",))
    pack(tmp_path / "desk.tar.gz", store, store.keys(), [made.PROFILE], "python -m suite claims")
    monkeypatch.setattr(Server, "content", (tmp_path / "desk.tar.gz").read_bytes())
    address = f"{server}/good/desk.tar.gz"
    bundle = open_given(address, tmp_path / "ours")
    overlay = Overlay(Store(tmp_path / "ours"), [bundle])
    assert overlay.read(made.measured("high")(made.PROFILE, 0)).origin.startswith("desk.tar.gz, sha256 ")
    assert overlay.lent()[0].endswith(f"; fetched from {address}#sha256={bundle.digest}")
    (unused,) = open_evidence(Session(bundles=(address,), evidence=str(tmp_path / "ours"))).lent()
    assert unused.startswith("desk.tar.gz: none of its 8 cells of profile tiny is used")
    assert unused.endswith(f"; fetched from {address}#sha256={bundle.digest}")


def test_paths_are_no_addresses():
    assert is_address("https://example.org/desk.zip")
    assert not is_address("ftp://example.org/desk.zip")
    assert not is_address("http/desk.zip")
