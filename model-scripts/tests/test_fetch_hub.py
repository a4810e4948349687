"""Fetching from a model hub, simulated by a small local server."""

import hashlib
import http.server
import json
import subprocess
import sys
import threading

import pytest
import toy

BRANCH, COMMIT, OTHER = "main", "c" * 40, "d" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """One repository at one commit; the tag of large files is SHA-256, of small ones Git's hash."""

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        server = self.server
        if self.path.startswith("/api/models/toy/toy"):
            body, headers = json.dumps({"id": "toy/toy", "sha": server.commit}).encode(), {}
        elif self.path.startswith(f"/toy/toy/resolve/{server.commit}/"):
            name = self.path.rpartition("/")[2]
            body = server.files[name]
            blob = hashlib.sha1(b"blob %d\0" % len(body) + body)
            large = hashlib.sha256(body) if name.endswith(".safetensors") else blob
            tag = server.tags.get(name, large.hexdigest())
            headers = {"ETag": f'"{tag}"', "X-Repo-Commit": server.commit}
        else:
            self.send_error(404)
            return
        self.send_response(200)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path):
    folder = toy.write_folder(tmp_path / "hub", toy.weights(toy.config("qwen2")), shards=1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.commit, server.tags = COMMIT, {}
    server.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def add(hub, tmp_path, revision=BRANCH):
    """Runs `add` in a subprocess, because the hub's client reads its URL once, on import."""
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        '[models.toy]\ntitle = "Toy"\nlicence = "MIT"\narchitecture = "qwen2"\ntried = false\n'
        f'[[models.toy.sources]]\nkind = "hub"\nrepository = "toy/toy"\nrevision = "{revision}"\n'
        f"files = {json.dumps(sorted(hub.files))}\n"
    )
    command = [sys.executable, "-m", "foretell_models", "add", "toy", "--catalogue", str(catalogue)]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "FORETELL_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}",
        "HF_HUB_DISABLE_XET": "1",
    }
    result = subprocess.run(
        [*command, "--keep-source"], capture_output=True, text=True, env=environment, check=False
    )
    return result.returncode, result.stderr


@pytest.mark.parametrize("revision", [BRANCH, COMMIT])
def test_commit_is_recorded(hub, tmp_path, revision):
    code, message = add(hub, tmp_path, revision)
    assert code == 0, message
    assert f"toy/toy at commit {COMMIT}" in message and "have not tested" in message
    manifest = json.loads((tmp_path / "home" / "models" / "toy" / "foretell.json").read_text())
    assert manifest["source"]["revision"] == COMMIT
    kept = {path.name for path in (tmp_path / "home" / "sources" / "toy" / "hub").iterdir()}
    assert kept == {*hub.files, ".verified"}


def test_unpinned_commit_is_rejected(hub, tmp_path):
    code, message = add(hub, tmp_path, OTHER)
    assert code == 5 and f"requested commit {OTHER}, but the hub has {COMMIT}" in message


@pytest.mark.parametrize(("name", "length"), [("model.safetensors", 64), ("config.json", 40)])
def test_file_with_wrong_hash_is_deleted(hub, tmp_path, name, length):
    hub.tags[name] = "0" * length
    code, message = add(hub, tmp_path)
    assert code == 4, message
    assert "0" * length in message and "found" in message
    assert not list((tmp_path / "home").rglob(name))
