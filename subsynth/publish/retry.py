"""Patience with a hub: which failures pass by themselves, how long to wait, and what to say of the others.

The hub's client tries some requests again and others never: neither the creation of a repository nor a commit,
nor an upload whose address has expired. So an action is tried again here as a whole, and has to be such that
doing it twice is doing it once.
"""

from __future__ import annotations

import datetime
import email.utils
import re
import time
from collections.abc import Callable
from typing import TypeVar

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from subsynth.core.errors import HubError

T = TypeVar("T")
PAUSES = (1, 2, 4, 8, 16)  # seconds before the second try, the third, ...
LONGEST = 900  # seconds; a hub that asks for more is asked again by the user
# Timeout, conflict with another commit, the head has moved, too many requests.
_PASSING = (408, 409, 412, 425, 429)
_TRANSPORT = HfHubHTTPError.__mro__[1]  # the errors of whichever HTTP library the client stands on
FAILURES: tuple[type[Exception], ...] = (_TRANSPORT, OSError, RuntimeError, ValueError)


def persist(repo: str, action: Callable[[], T], tell: Callable[[str], None]) -> T:
    """What the action gives, tried again while it fails in ways that pass; `tell` is told of each failure.

    Raises HubError, with the cure, for failures that do not pass or have not passed.
    """
    for pause in (*PAUSES, None):
        try:
            return action()
        except FAILURES as error:
            refused(repo, error)
            if pause is None:
                raise HubError(
                    f"{repo}: {reason(error)}, {len(PAUSES) + 1} times in a row; try again later: "
                    "only what is missing will be sent"
                ) from error
            wait = max(pause, _asked(error))
            if wait > LONGEST:
                raise HubError(
                    f"{repo}: the hub asks to wait {wait:.0f} s ({reason(error)}); try again then"
                ) from error
            tell(f"{reason(error)}; trying again in {wait:g} s")
            time.sleep(wait)
    raise AssertionError


def refused(repo: str, error: Exception) -> None:
    """Raise HubError if this failure is a refusal, which trying again does not change."""
    told = {
        401: "the hub does not accept your token (401); log in with `hf auth login`, or set HF_TOKEN",
        403: f"the hub lets you not write there (403); the token needs the role `write`, and you need rights in "
        f"{repo.split('/', maxsplit=1)[0]!r}",
        404: "not found on the hub (404), or not for you to see; check the name, and `hf auth whoami`",
    }
    if isinstance(error, LocalTokenNotFoundError):
        raise HubError(f"{repo}: no token to publish with; log in with `hf auth login`, or set HF_TOKEN") from error
    if isinstance(error, OfflineModeIsEnabled):
        raise HubError(f"{repo}: HF_HUB_OFFLINE is set; unset it to publish") from error
    ticket = re.search(r"\((4\d\d) .*xet-(read|write)-token", str(error))
    if ticket and int(ticket[1]) in told:  # asked for by the Xet client, which keeps no more of the answer
        raise HubError(f"{repo}: {told[int(ticket[1])]}") from error
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if isinstance(error, RepositoryNotFoundError) and status == 401 and get_token():
            status = 404
        if status not in _PASSING and status < 500:
            raise HubError(f"{repo}: {told.get(status) or f'the hub refuses ({status}): {_said(error)}'}") from error
    elif isinstance(error, FileNotFoundError | PermissionError) and error.filename:
        raise HubError(f"{error.filename}: {error.strerror}; it changed while it was published") from error
    elif isinstance(error, ValueError):
        raise HubError(f"{repo}: {_clean(str(error))}") from error


def reason(error: BaseException) -> str:
    """A failure in a few words, without a token."""
    inner = error
    while not isinstance(inner, HfHubHTTPError) and inner.__cause__ is not None:
        inner = inner.__cause__
    if isinstance(inner, HfHubHTTPError):
        return f"{constants.ENDPOINT} answered {inner.response.status_code} ({_said(inner)})"
    return _clean(f"{type(inner).__name__} from {constants.ENDPOINT}: {inner}")


def _said(error: HfHubHTTPError) -> str:
    return _clean(error.server_message or getattr(error.response, "reason_phrase", "") or str(error))


def _clean(text: str) -> str:
    token = get_token()
    line = " ".join(text.split())[:300]
    return line.replace(token, "<token>") if token else line


def _asked(error: Exception) -> float:
    """Seconds that the hub asks to wait: Retry-After (a number or a date), or the reset time of RateLimit."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    after = headers.get("Retry-After", "")
    if re.fullmatch(r"\d+(\.\d+)?", after):
        return float(after)
    if after:
        try:
            then = email.utils.parsedate_to_datetime(after)
            return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
        except (TypeError, ValueError):
            return 0.0
    reset = re.search(r"\bt=(\d+)", headers.get("RateLimit", ""))
    return float(reset[1]) + 1 if reset else 0.0
