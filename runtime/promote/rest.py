"""Requests to the API of a forge: JSON, with a token that stays with the host that it is for."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..http import Waits
from .stop import FailedError, RefusedError, line_of

__all__ = ["Answer", "Api"]

TRIES = 5
TIMEOUT = 60
MOST = 4 * 2**20
"""Bytes of an answer. A page of a hundred pull requests with long texts has less."""

PASSING = (408, 425, 429, 500, 502, 503, 504)
_RIGHTS = "the token in GIT_TOKEN"
_MEANS = {
    401: f"{_RIGHTS} is not valid there",
    403: f"{_RIGHTS} may not do this: it needs the right to open pull requests",
    404: f"there is no such repository for {_RIGHTS}",
}


class Answer(NamedTuple):
    """The status and the content of an answer."""

    status: int
    content: Any


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer like any other, so that no token follows it."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


class Api:
    """The API at one address."""

    def __init__(self, base: str, headers: dict[str, str], waits: Waits) -> None:
        self._base = base
        self._headers = {"User-Agent": "mlspec", "Accept": "application/json", **headers}
        self._waits = waits
        self._opener = build_opener(_NoRedirects)

    def get(self, path: str, query: list[tuple[str, str]]) -> Any:
        """The content at a path. Raises RefusedError for a no, and FailedError if there is no answer."""
        url = f"{path}?{urlencode(query)}"
        for tries in range(TRIES):
            try:
                return self.checked(path, self._sent("GET", url, None)).content
            except FailedError:
                if tries == TRIES - 1:
                    raise
            self.wait(tries)
        raise AssertionError  # the last try raises

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        """Send once, because another try could do the same again. Raises FailedError if there is no answer."""
        return self._sent("POST", path, json.dumps(body).encode("ascii"))

    def wait(self, tries: int) -> None:
        """Wait before the next try."""
        time.sleep(self._waits.before(tries, 0.0))

    def checked(self, path: str, answer: Answer) -> Answer:
        """The answer, if it is a yes. Raises RefusedError for any other."""
        if 200 <= answer.status < 300:
            return answer
        what = f"{self._base}{path.partition('?')[0]}"
        if 300 <= answer.status < 400:
            why = "the server redirects, and the token stays where it is: write the new address"
            raise RefusedError(f"{what}: {why}")
        why = _MEANS.get(answer.status, f"the server answers {answer.status}")
        raise RefusedError(f"{what}: {why}{_said(answer.content)}")

    def _sent(self, method: str, url: str, body: bytes | None) -> Answer:
        headers = {**self._headers, **({"Content-Type": "application/json"} if body is not None else {})}
        request = Request(f"{self._base}{url}", data=body, headers=headers, method=method)
        shown = f"{self._base}{url.partition('?')[0]}"
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return Answer(answer.status, _content(shown, answer.read(MOST + 1)))
        except HTTPError as wrong:
            with wrong:
                if wrong.code in PASSING:
                    raise FailedError(f"{shown}: the server answers {wrong.code}") from None
                return Answer(wrong.code, _json(_body(wrong)))
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            reason = getattr(wrong, "reason", None) or wrong
            raise FailedError(f"{shown}: {line_of(str(reason)) or type(wrong).__name__}") from None


def _body(wrong: HTTPError) -> bytes:
    try:
        read: bytes = wrong.read(MOST)
    except (OSError, http.client.HTTPException):
        return b""
    return read


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _content(shown: str, body: bytes) -> Any:
    if len(body) > MOST:
        raise RefusedError(f"{shown}: the answer is larger than {MOST // 2**20} MiB: is this the API of a forge?")
    content = _json(body)
    if content is None:
        raise RefusedError(f"{shown}: the answer is not JSON: is this the API of a forge?")
    return content


def _said(content: Any) -> str:
    """The server's own words: `message`, `error`, or the first of `errors`, wherever a forge puts them."""
    if not isinstance(content, dict):
        return ""
    words = []
    for key in ("message", "error", "errors"):
        found = content.get(key)
        found = found[0] if isinstance(found, list) and found else found
        found = found.get("message") if isinstance(found, dict) else found
        words += [found] if isinstance(found, str) and found else []
    return f" ({line_of('; '.join(words))})" if words else ""
