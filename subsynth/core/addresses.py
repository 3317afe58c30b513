"""Addresses in messages: user names, passwords, tokens and signatures are never shown."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>[^\s'\"<>]*)")
_PORT = re.compile(r"(:\d*)?\Z")
_HIDDEN = "…"
_SHORTEST = 5  # characters of a secret that is looked for by itself


def without_secrets(text: str) -> str:
    """A text in which every address has lost its user name and password, its query and its fragment."""
    return _ADDRESS.sub(lambda match: match["scheme"] + _stripped(match["rest"]), text)


def hide_address(text: str, address: str) -> str:
    """`without_secrets`, and without the secrets of one address wherever they stand: libraries quote parts of it."""
    text = text.replace(address, without_secrets(address))
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return without_secrets(text)


def _stripped(rest: str) -> str:
    """What follows `scheme://`, without secrets."""
    rest = rest[_user_length(rest) :]
    return re.split(r"[?#]", rest, maxsplit=1)[0]


def _user_length(rest: str) -> int:
    """The length of `user:password@` at the start of what follows `scheme://`.

    A password may hold any character, also / ? and #: what could be one is taken for one.
    """
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        return authority.rindex("@") + 1
    host, colon, _ = authority.partition(":")
    if colon and host and not _PORT.match(authority[len(host) :]):
        return rest.rfind("@") + 1
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    before, at, _ = path[len(authority) :].rpartition("@")
    return len(authority) + len(before) + 1 if at and ":" in before else 0


def _secrets(address: str) -> set[str]:
    """The secrets of an address, as they stand there and decoded, whole and in the pieces that a library may quote."""
    secrets: set[str] = set()
    for match in _ADDRESS.finditer(address):
        rest = match["rest"]
        user = rest[: max(0, _user_length(rest) - 1)]
        queries = re.split(r"[?#]", rest[len(user) :])[1:]
        values = [part.partition("=")[2] for query in queries for part in query.split("&")]
        secrets.update({user, *user.split(":", 1), *re.split(r"[/?#:@]", user), *queries, *values})
    secrets |= {unquote(secret) for secret in secrets} | {unquote_plus(secret) for secret in secrets}
    return {secret for secret in secrets if len(secret) >= _SHORTEST}
