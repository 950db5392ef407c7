"""What stands between the page and the rest of the world: whom the server answers, what it reads, and what a page may do.

Three attacks on a server that listens on this machine alone are met here. A foreign page that makes a browser post to it (CSRF) has
another origin, and does not know the token that is written into our page. A foreign name that is made to point at this machine (DNS
rebinding) shows in the Host header. A page that smuggles in a script finds it blocked by the content security policy.
"""

import ipaddress
import json
import secrets
import socket
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hexlab.errors import HexlabError

__all__ = ["MOST_BYTES", "TOKEN_HEADER", "Gate", "Refusal", "answer_refusal", "read_object"]

MOST_BYTES = 64 * 1024
"""Largest body of a request: thousands of games fit into it."""
TOKEN_HEADER = "x-hexlab-token"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Refusal(HexlabError):
    """A request that is answered with an HTTP status other than 400.

    Attributes:
        status: the HTTP status, from 400 up.
    """

    def __init__(self, status: int, message: str):
        """Say why and by which status."""
        super().__init__(message)
        self.status = status


def answer_refusal(error: HexlabError) -> JSONResponse:
    """Return the answer to a request that cannot be met: the status, and a sentence under ``error``."""
    return JSONResponse({"error": str(error)}, getattr(error, "status", 400))


class Gate:
    """Lets through requests that name this server and, if they change something, come from its own page.

    Args:
        app: what stands behind.
        host: the address that the server listens on.
        token: what a request other than GET and HEAD must carry in `TOKEN_HEADER`.
    """

    def __init__(self, app: ASGIApp, host: str, token: str):
        """Work out the names that the server answers to."""
        self.app = app
        self.token = token
        self.loopback = host == "localhost" or _is_loopback(host)
        self.names = {"localhost", host.lower()} | (set() if self.loopback else {socket.gethostname().lower()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or pass the request on and add the headers of safety to its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        try:
            self.check(scope["method"], Headers(scope=scope))
        except Refusal as error:
            await answer_refusal(error)(scope, receive, send_safely)
            return
        await self.app(scope, receive, send_safely)

    def check(self, method: str, headers: Headers) -> None:
        """Raise `Refusal` for a request that must not pass."""
        host = headers.get("host", "")
        if not self.answers_to(host):
            raise Refusal(421, f"this server does not answer to the name {host[:100]!r}: open it by the address that it printed")
        if method in ("GET", "HEAD"):
            return
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise Refusal(403, f"a page of {origin[:100]!r} may not change anything here: use the page of this server")
        if not secrets.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self.token.encode()):
            raise Refusal(403, "the token of this page is missing or old, as after a restart of the server: load the page again")

    def answers_to(self, host: str) -> bool:
        """Tell whether a Host header names this server. Addresses in numbers need no name that could be made to point elsewhere."""
        name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host.lower()
        if name in self.names:
            return True
        name = name.strip("[]")
        return _is_loopback(name) or (not self.loopback and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


async def read_object(receive: Receive) -> dict[str, Any]:
    """Read the body of a request, a JSON object of at most `MOST_BYTES`.

    Raises:
        Refusal: a longer body, or one that is no JSON object.
    """
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the request was cut off: send it again")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise Refusal(413, f"the request has more than {MOST_BYTES} bytes: send less")
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the request is no JSON ({type(error).__name__}): send an object such as {{}}") from None
    if not isinstance(given, dict):
        raise Refusal(400, f"the request is a JSON {type(given).__name__}: send an object such as {{}}")
    return given
