"""HTTP for downloads: retries, resumed transfers, and a token that stays with the host that it is for."""

from __future__ import annotations

import http.client
import random
import re
from email.message import Message
from threading import Event
from typing import IO, Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

__all__ = ["Client", "FetchError", "Sink", "Waits"]

TRIES = 6
TIMEOUT = 60
"""Seconds without any data after which a connection counts as broken."""

LONGEST_PAGE = 32 * 2**20
CHUNK = 2**20

FINAL = {
    401: "the hub denies access: set `release.artifact.access` to an access of kind `huggingface` with a valid token",
    403: "the hub denies access: accept the license of the repository with the account of the token",
    404: "the hub has no such repository, commit, or file; without a token, this is also what it says of private ones",
}
"""What to do about answers that a retry does not change."""

PASSING = (408, 425, 429, 500, 502, 503, 504)


class FetchError(Exception):
    """A download that failed; the message says what to do."""


class Waits:
    """How long to wait before another try, in seconds: twice as long each time, and never the same for two pods.

    A server may ask for more, up to `patience`: the windows in which the hub counts requests have five minutes.
    """

    def __init__(self, first: float = 1.0, longest: float = 60.0, patience: float = 300.0) -> None:
        self.first = first
        self.longest = longest
        self.patience = patience

    def before(self, tries: int, asked: float) -> float:
        """Seconds, at least what the server asked for."""
        grown = min(self.longest, self.first * 2.0**tries)
        return max(min(asked, self.patience), grown * random.uniform(0.5, 1.0))


class _Redirects(HTTPRedirectHandler):
    """Follow redirects, but neither to HTTP nor, with the token, to another host."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise FetchError("the hub redirects to an address without TLS")
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and origin(newurl) != origin(req.full_url):
            made.remove_header("Authorization")
        return made


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host, and port."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or usual


class Sink(Protocol):
    """Where a download goes."""

    def restart(self) -> None:
        """Drop what was written."""

    def write(self, data: bytes) -> None:
        """Add some bytes."""


class Client:
    """Requests to one hub, and to where it redirects."""

    def __init__(self, endpoint: str, token: str, waits: Waits) -> None:
        if urlsplit(endpoint).scheme not in ("http", "https"):
            raise FetchError(f"HF_ENDPOINT is not the URL of a hub: {endpoint}")
        self._endpoint = endpoint
        self._token = token
        self._waits = waits
        self._stopped = Event()
        self._opener: OpenerDirector = build_opener(_Redirects)

    def stop(self) -> None:
        """End downloads in other threads."""
        self._stopped.set()

    def page(self, url: str) -> tuple[bytes, str | None]:
        """The body of a page, and the URL of the next one."""
        for tries in range(TRIES):
            try:
                with self._open(url, {}) as answer:
                    body = answer.read(LONGEST_PAGE + 1)
                    if len(body) > LONGEST_PAGE:
                        raise FetchError("the hub's answer is too long for a listing")
                    return body, self._next(url, answer.headers)
            except (OSError, http.client.HTTPException) as wrong:
                self._wait(url, tries, wrong)
        raise AssertionError  # the last wait raises

    def download(self, url: str, size: int, sink: Sink) -> None:
        """A file of `size` bytes. A transfer that breaks off continues where it stopped."""
        done = tries = 0
        while done < size:
            before = done
            try:
                done = self._transfer(url, size, done, sink)
            except _Partial as partial:
                done, tries = partial.done, 0 if partial.done > before else tries
                self._wait(url, tries, partial.why)
                tries += 1
            except (OSError, http.client.HTTPException) as wrong:
                self._wait(url, tries, wrong)
                tries += 1

    def _transfer(self, url: str, size: int, done: int, sink: Sink) -> int:
        with self._open(url, {"Range": f"bytes={done}-"} if done else {}) as answer:
            if done and (answer.status != 206 or _start(answer.headers) != done):
                done = 0  # the server starts over
            if not done:
                sink.restart()
            while chunk := _chunk(answer, done):
                if done + len(chunk) > size:
                    raise FetchError(f"{_shown(url)} has more than its {size:,} bytes")
                if self._stopped.is_set():
                    raise FetchError("another file failed")
                try:
                    sink.write(chunk)
                except OSError as wrong:  # such as a full volume, which another try does not change
                    raise FetchError(f"{_shown(url)} cannot be stored: {wrong}") from None
                done += len(chunk)
        if done < size:
            raise _Partial(done, http.client.IncompleteRead(b"", size - done))
        return done

    def _open(self, url: str, headers: dict[str, str]) -> Any:
        request = Request(url, headers={"User-Agent": "mlspec", **headers})
        if self._token and origin(url) == origin(self._endpoint):
            request.add_header("Authorization", f"Bearer {self._token}")
        return self._opener.open(request, timeout=TIMEOUT)

    def _next(self, url: str, headers: Message) -> str | None:
        """The next page, as in RFC 8288; never on another host."""
        match = re.search(r'<([^<>]*)>\s*;\s*rel="?next"?', headers.get("Link", ""))
        if match is None:
            return None
        following: str = urljoin(url, match[1])
        if origin(following) != origin(self._endpoint):
            raise FetchError("the next page of the hub's listing is on another host")
        return following

    def _wait(self, url: str, tries: int, wrong: Exception) -> None:
        """Wait before the next try, or raise what is final."""
        asked = 0.0
        if isinstance(wrong, HTTPError):
            if wrong.code not in PASSING:
                raise FetchError(f"{_shown(url)}: {FINAL.get(wrong.code, f'the hub answers {wrong.code}')}") from None
            asked = _asked(wrong.headers)
        if tries == TRIES - 1:
            why = wrong.reason if isinstance(wrong, URLError) else wrong
            raise FetchError(f"{_shown(url)}: {why or type(wrong).__name__}, also after {TRIES} tries") from None
        if self._stopped.wait(self._waits.before(tries, asked)):
            raise FetchError("another file failed")


class _Partial(Exception):  # noqa: N818 - no error: the transfer continues
    """A transfer that broke off."""

    def __init__(self, done: int, why: Exception) -> None:
        self.done = done
        self.why = why


def _chunk(answer: Any, done: int) -> bytes:
    """The next bytes of an answer; none at its end."""
    try:
        read: bytes = answer.read(CHUNK)
    except (OSError, http.client.HTTPException) as wrong:
        raise _Partial(done, wrong) from None
    return read


def _asked(headers: Message) -> float:
    """The seconds to wait that the server asks for. The hub tells when its window ends: `RateLimit: "api";r=0;t=55`."""
    after = re.fullmatch(r"([0-9]{1,6})", headers.get("Retry-After", ""))
    window = re.search(r"\br=0;\s*t=([0-9]{1,6})\b", headers.get("RateLimit", ""))
    found = after or window
    return float(found[1]) if found is not None else 0.0


def _start(headers: Message) -> int | None:
    """Where a partial answer starts."""
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _shown(url: str) -> str:
    """A URL without its query, which may be a signature."""
    return url.partition("?")[0]
