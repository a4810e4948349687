"""HTTP requests with the system's certificates and no credentials; interrupted downloads resume."""

import functools
import http.client
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from email.message import Message
from pathlib import Path
from typing import IO, TypeVar

import truststore

from foretell_models import __version__
from foretell_models.errors import FetchFailed
from foretell_models.progress import Progress

#: The exceptions of a request if the network, the server or its certificate fails.
NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
#: The advice after an interrupted download.
RESUMES = "the partial download is kept: run again to resume"
#: The longest wait for a connection or for the next bytes.
_TIMEOUT_S = 20.0
#: Small, so that a slow connection shows progress and an interruption loses little.
_CHUNK_BYTES = 1 << 16

_Result = TypeVar("_Result")


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects within a host; one to another host is the response."""

    def redirect_request(
        self,
        request: urllib.request.Request,
        _body: IO[bytes],
        _code: int,
        _message: str,
        _headers: Message,
        url: str,
    ) -> urllib.request.Request | None:
        # Not `request.host`, which may be a proxy.
        host = urllib.parse.urlsplit(request.full_url).netloc
        if urllib.parse.urlsplit(url).netloc != host:
            return None
        return urllib.request.Request(url, headers=request.headers, method=request.get_method())


@functools.cache
def _opener(is_same_host: bool) -> urllib.request.OpenerDirector:
    # Python's own context finds no certificates in some installations for macOS.
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    https = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(https, *([_SameHost] if is_same_host else []))
    opener.addheaders = [("User-Agent", f"foretell-models/{__version__}")]
    return opener


def head(url: str) -> Message:
    """The headers of a file; if another host has it, those of the redirect.

    Raises one of `NETWORK_ERRORS`.
    """
    request = urllib.request.Request(url, method="HEAD")
    try:
        with _opener(is_same_host=True).open(request, timeout=_TIMEOUT_S) as response:
            headers: Message = response.headers
    except urllib.error.HTTPError as error:
        error.close()
        if not 300 <= error.code < 400:
            raise
        headers = error.headers
        # The length of the redirect, not of the file.
        del headers["Content-Length"]
    return headers


def within(seconds: float, function: Callable[[], _Result]) -> _Result:
    """Calls `function`; raises `TimeoutError` if that takes longer.

    The call continues in a thread that does not delay the end of the process: a timeout of a
    request covers neither name resolution nor an answer that arrives byte by byte.
    """
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def size_of(part: Path) -> int:
    """The size of a partial download in bytes."""
    return part.stat().st_size if part.exists() else 0


def _read(response: IO[bytes]) -> bytes:
    """The next bytes. Raises one of `NETWORK_ERRORS`, so that it differs from a full disk."""
    try:
        return response.read(_CHUNK_BYTES)
    except OSError as error:
        raise ConnectionError(str(error)) from error


def resume(url: str, part: Path, size: int, progress: Progress) -> None:
    """Downloads the missing end of a file of `size` bytes; `progress` counts the new bytes.

    A longer file is cut after `size`, plus at most one chunk. Raises `FetchFailed`.
    """
    start = size_of(part)
    if start >= size:
        return
    request = urllib.request.Request(url)
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with _opener(is_same_host=False).open(request, timeout=_TIMEOUT_S) as response:
            resumed = start > 0 and response.status == http.HTTPStatus.PARTIAL_CONTENT
            done = start if resumed else 0
            progress.advance(done - start)
            with part.open("ab" if resumed else "wb") as out:
                # Reading past the expected size detects a file that is too large.
                while done <= size and (chunk := _read(response)):
                    out.write(chunk)
                    done += len(chunk)
                    progress.advance(len(chunk))
    except NETWORK_ERRORS as error:
        raise FetchFailed(f"{url}: {error}", RESUMES) from None
    if size_of(part) < size:
        problem = f"{url}: the connection ended after {size_of(part)} of {size} bytes"
        raise FetchFailed(problem, RESUMES)
