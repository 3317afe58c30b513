"""Which errors are retried, and which are raised at once."""

import ssl

import pytest
from huggingface_hub.errors import HfHubHTTPError

from subsynth.core.errors import HubError
from subsynth.core.progress import NoProgress
from subsynth.publish.retry import call_with_retries, is_transient


class Failing:
    """An action that raises the given errors, one per call, and then returns 1."""

    def __init__(self, *errors: Exception):
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 1


class Messages(NoProgress):
    def __init__(self):
        self.lines = []

    def message(self, text):
        self.lines.append(text)


def lfs_failure(cause: Exception) -> RuntimeError:
    """The error of the hub's client for an upload by LFS that failed."""
    error = RuntimeError("Error while uploading 'data/a.parquet' to the Hub.")
    error.__cause__ = cause
    return error


PROGRAMMING_ERRORS = [
    RuntimeError("dictionary changed size during iteration"),
    lfs_failure(KeyError("oid")),
    TypeError("'NoneType' object is not iterable"),
    KeyError("oid"),
    AttributeError("x"),
]
TRANSIENT_ERRORS = [
    ConnectionResetError(104, "Connection reset by peer"),
    TimeoutError("timed out"),
    ssl.SSLError("record layer failure"),
    lfs_failure(ConnectionError("connection reset")),
    # As the Xet client reports failed requests: newer versions, then older ones.
    ConnectionError("Network error: Request error: HTTP status client error (403 Forbidden), domain: http://x/cas/v1"),
    RuntimeError("Data processing error: CAS service error : ReqwestMiddleware Error: error sending request for url"),
    RuntimeError("Reqwest Error: HTTP status server error (503 Service Unavailable), domain: http://x/v1/xorbs"),
]


@pytest.mark.parametrize("error", PROGRAMMING_ERRORS, ids=repr)
def test_a_programming_error_is_raised_at_once(error):
    action = Failing(error)
    with pytest.raises(type(error)) as raised:
        call_with_retries("a/b", action, NoProgress(), pauses=(0, 0))
    assert raised.value is error and action.calls == 1


@pytest.mark.parametrize("error", TRANSIENT_ERRORS, ids=repr)
def test_a_transient_error_is_reported_and_retried(error):
    action, progress = Failing(error), Messages()
    assert is_transient(error)
    assert call_with_retries("a/b", action, progress, pauses=(0, 0)) == 1
    assert action.calls == 2
    assert len(progress.lines) == 1 and progress.lines[0].endswith("; trying again in 0 s")


def test_a_persistent_transient_error_ends_as_a_hub_error():
    action = Failing(*[ConnectionError("reset")] * 9)
    with pytest.raises(HubError, match="3 times in a row"):
        call_with_retries("a/b", action, NoProgress(), pauses=(0, 0))
    assert action.calls == 3


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (FileNotFoundError(2, "No such file or directory", "set/data/a.parquet"), "changed while"),
        (OSError(28, "No space left on device"), "No space left"),
        (ValueError("Invalid metadata in README.md"), "Invalid metadata"),
        (ConnectionError("HTTP status client error (401 Unauthorized), domain: http://x/xet-write-token/main"), "401"),
    ],
)
def test_a_final_error_is_a_hub_error_at_once(error, word):
    action = Failing(error)
    with pytest.raises(HubError, match=word):
        call_with_retries("a/b", action, NoProgress(), pauses=(0, 0))
    assert action.calls == 1


def test_errors_of_the_hub_s_client_are_not_transient_by_their_type():
    """The client's HTTP errors are OSErrors, too: their status decides."""
    assert issubclass(HfHubHTTPError, OSError)
    assert not is_transient(OSError("x")) and not is_transient(ValueError("x"))
