"""Retries of requests to a hub. Transient failures are reported and retried; authentication and permission errors
fail immediately, and so does every other error.

The hub's client retries some requests by itself, but never the creation of a repository, a commit, or an upload whose
address has expired. So a whole action is repeated here, and it must be idempotent.
"""

from __future__ import annotations

import datetime
import email.utils
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from subsynth.core.addresses import without_secrets
from subsynth.core.errors import HubError
from subsynth.core.progress import Progress

T = TypeVar("T")

PAUSES: Sequence[float] = (1, 2, 4, 8, 16)  # seconds before each further try; a program may set others
MAX_WAIT = 900  # seconds; if a hub asks for a longer pause, the user has to try again

# Timeout, conflict with another commit, the head has moved, too early, too many requests; and every status from 500.
_TRANSIENT_STATUSES = (408, 409, 412, 425, 429)

# The base of all errors of the HTTP library below the hub's client, which is requests or httpx by the client's version.
_HTTP_ERROR: type[Exception] = HfHubHTTPError.__mro__[1]
_TRANSPORT_NAMES = (
    "NetworkError", "ProxyError", "RemoteProtocolError", "TimeoutException",  # httpx
    "ChunkedEncodingError", "ConnectionError", "Timeout",  # requests
)  # fmt: skip
_TRANSPORT_ERRORS = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    ssl.SSLError,
    *(getattr(sys.modules[_HTTP_ERROR.__module__], name, ConnectionError) for name in _TRANSPORT_NAMES),
)
# The Xet client wraps failed requests, in newer versions as ConnectionError and in older ones as RuntimeError.
_XET_FAILURE = re.compile(
    r"HTTP status (client|server) error \(\d{3}|error sending request for url|CAS service error|"
    r"(Reqwest|Request middleware|ReqwestMiddleware) error",
    re.IGNORECASE,
)
_XET_TOKEN_REFUSED = re.compile(r"\((4\d\d) .*xet-(read|write)-token")
_LFS_FAILURE = re.compile(r"Error while uploading '.*' to the Hub")


def call_with_retries(
    repo: str, action: Callable[[], T], progress: Progress, pauses: Sequence[float] | None = None
) -> T:
    """The result of an action, repeated after transient failures, each of which is a `progress.message`.

    `pauses` are the seconds before each further try (None: PAUSES); a longer pause that the hub requests is respected.
    Raises HubError, with the cure, for failures of the hub that are not transient or persist, and every other error
    of the action as it is.
    """
    pauses = PAUSES if pauses is None else pauses
    for pause in (*pauses, None):
        try:
            return action()
        except Exception as error:  # every kind is sorted here: refused, not of the hub, or transient
            raise_if_refused(repo, error)
            if not is_transient(error):
                raise
            if pause is None:
                raise HubError(
                    f"{repo}: {describe(error)}, {len(pauses) + 1} times in a row; try again later: "
                    "only what is missing will be sent"
                ) from error
            wait = max(pause, _requested_wait(error))
            if wait > MAX_WAIT:
                raise HubError(
                    f"{repo}: the hub asks to wait {wait:.0f} s ({describe(error)}); try again then"
                ) from error
            progress.message(f"{describe(error)}; trying again in {wait:g} s")
            time.sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")


def is_transient(error: BaseException) -> bool:
    """Whether a failure may pass by itself: a transient HTTP status, or a failure of the transport."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRANSIENT_STATUSES or error.response.status_code >= 500
    if isinstance(error, _TRANSPORT_ERRORS) or (isinstance(error, OSError) and type(error).__module__ == "hf_xet"):
        return True
    if not isinstance(error, RuntimeError):
        return False
    if _LFS_FAILURE.match(str(error)) and error.__cause__ is not None:
        # The storage behind the hub answers with any status, such as 403, once an upload's address has expired.
        return isinstance(error.__cause__, HfHubHTTPError) or is_transient(error.__cause__)
    return bool(_XET_FAILURE.search(str(error)))


def raise_if_refused(repo: str, error: Exception) -> None:
    """Raise HubError if a failure is a refusal, which trying again does not change, or an unusable local file."""
    if isinstance(error, LocalTokenNotFoundError):
        raise HubError(f"{repo}: no token to publish with; log in with `hf auth login`, or set HF_TOKEN") from error
    if isinstance(error, OfflineModeIsEnabled):
        raise HubError(f"{repo}: HF_HUB_OFFLINE is set; unset it to publish") from error
    status = _refused_status(error)
    if status is not None:
        message = _refusals(repo).get(status)
        if message is None and isinstance(error, HfHubHTTPError):
            message = f"the hub refuses ({status}): {_server_message(error)}"
        raise HubError(f"{repo}: {message or describe(error)}") from error
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename:
        raise HubError(f"{error.filename}: {error.strerror}; it changed while it was being published") from error
    if isinstance(error, ValueError):  # how the client rejects a card, or an answer that it cannot interpret
        raise HubError(f"{repo}: {_clean(str(error))}") from error
    if isinstance(error, OSError | _HTTP_ERROR) and not is_transient(error):
        raise HubError(f"{repo}: {describe(error)}") from error


def describe(error: BaseException) -> str:
    """A failure in a few words, without a token."""
    inner = error
    while not isinstance(inner, HfHubHTTPError) and inner.__cause__ is not None:
        inner = inner.__cause__
    if isinstance(inner, HfHubHTTPError):
        return f"{without_secrets(constants.ENDPOINT)} answered {inner.response.status_code} ({_server_message(inner)})"
    return _clean(f"{type(inner).__name__} from {constants.ENDPOINT}: {inner}")


def _refused_status(error: Exception) -> int | None:
    """The HTTP status with which the hub refused, or None for any other failure."""
    token_refused = _XET_TOKEN_REFUSED.search(str(error))  # requested by the Xet client, which keeps only this text
    if token_refused:
        status = int(token_refused[1])
    elif isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if isinstance(error, RepositoryNotFoundError) and status == 401 and get_token():
            status = 404  # the hub's answer to an accepted token that may not see the repository
    else:
        return None
    return None if status in _TRANSIENT_STATUSES or status >= 500 else status


def _refusals(repo: str) -> dict[int, str]:
    """The cure for each status with which a hub refuses."""
    namespace = repo.split("/", maxsplit=1)[0]
    return {
        401: "the hub does not accept your token (401); log in with `hf auth login`, or set HF_TOKEN",
        403: "you do not have write access (403); the token needs the role `write`, and you need rights in "
        f"{namespace!r}",
        404: "not found on the hub (404), or not visible to you; check the name, and `hf auth whoami`",
    }


def _server_message(error: HfHubHTTPError) -> str:
    return _clean(error.server_message or getattr(error.response, "reason_phrase", "") or str(error))


def _clean(text: str) -> str:
    """A text on one line, shortened, without the token."""
    token = get_token()
    line = without_secrets(" ".join(text.split()))[:300]
    return line.replace(token, "<token>") if token else line


def _requested_wait(error: Exception) -> float:
    """Seconds that the hub asks to wait: Retry-After (a number or a date), or the reset time of RateLimit."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    retry_after = headers.get("Retry-After", "")
    if re.fullmatch(r"\d+(\.\d+)?", retry_after):
        return float(retry_after)
    if retry_after:
        try:
            then = email.utils.parsedate_to_datetime(retry_after)
            return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
        except (TypeError, ValueError):
            return 0.0
    reset = re.search(r"\bt=(\d+)", headers.get("RateLimit", ""))
    return float(reset[1]) + 1 if reset else 0.0
