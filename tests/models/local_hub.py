"""A hub on this machine: what huggingface_hub asks for, and nothing else."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COMMITS = {"main": "1" * 40, "older": "2" * 40}


class _Handler(BaseHTTPRequestHandler):
    """``/OWNER/NAME/resolve/REVISION/FILE`` from ``ROOT/OWNER/NAME/REVISION/FILE``."""

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        content = self._answer()
        if content is not None:
            self.wfile.write(content)

    def _answer(self):
        if "/resolve/" not in self.path:  # is anybody there? and whatever else a hub is asked
            self.server.elsewhere.append(self.path)
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        owner, name, _, revision, *file = self.path.strip("/").split("/")
        branch = {commit: branch for branch, commit in COMMITS.items()}.get(revision, revision)
        self.server.asked.append((self.command, f"{owner}/{name}", branch, "/".join(file)))
        path = self.server.root / owner / name / branch / "/".join(file)
        if not path.is_file():
            found = (self.server.root / owner / name).is_dir()
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if found else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMITS[branch])
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def serve(root: Path):
    """Serve a folder; gives the server, with ``address`` and what was ``asked``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.root, server.asked, server.elsewhere = root, [], []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
