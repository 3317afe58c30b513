"""Addresses: no secret that one may hold appears in a message, whoever wrote the message."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsynth import OutputError
from subsynth.build.build import build_dataset
from subsynth.build.worker import RenderJob
from subsynth.core.addresses import hide_address, without_secrets
from subsynth.storage.addresses import open_storage

SECRET = "xq7Sup3rS3cret"

ADDRESSES = [
    f"s3://AKIA{SECRET}:{SECRET}@no-such-bucket/set",
    f"s3://AKIAUSER:{SECRET}/with/slash+{SECRET}@bucket/set",
    f"http://127.0.0.1:9/set?token={SECRET}",
    f"http://127.0.0.1:9/set?sig={SECRET}&se=2030#access_token={SECRET}",
    f"s3://bucket/set?versionId={SECRET}",
    f"http://ada:{SECRET}@127.0.0.1:9/set",
    f"ftp://ada:{SECRET}%40x@127.0.0.1:9/set",
    f"nosuchprotocol://ada:{SECRET}@host/set",
    f"filecache::http://ada:{SECRET}@127.0.0.1:9/set",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_message_of_a_storage_has_a_secret(address, small, monkeypatch):
    """The libraries that are asked raise errors that quote the address, or parts of it."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OutputError) as caught:
        build_dataset(small, address, workers=1)
    message = str(caught.value)
    assert SECRET not in message and "\n" not in message
    assert caught.value.__cause__ is None or SECRET not in repr(caught.value.__cause__)
    assert SECRET not in without_secrets(address)


@pytest.mark.parametrize("command", [["render", "--n", "5", "--out"], ["merge"]])
@pytest.mark.parametrize("debug", ["", "1"])
def test_the_command_line_prints_none(tmp_path, command, debug):
    """Neither in its line of error, nor in the traceback for debugging."""
    result = subprocess.run(
        [sys.executable, "-m", "subsynth", *command, f"http://ada:{SECRET}@127.0.0.1:9/set?token={SECRET}"],
        cwd=tmp_path, env=os.environ | {"SUBSYNTH_DEBUG": debug}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert result.returncode == 2 and SECRET not in result.stdout + result.stderr
    assert "http://127.0.0.1:9/set" in result.stderr


def test_the_name_of_a_storage_and_the_job_have_none(small):
    address = f"memory://ada:{SECRET}@set?token={SECRET}"
    assert open_storage(address).name == "memory://set"
    assert SECRET not in repr(RenderJob(small, address, "plan", 250))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/set", "s3://bucket/set"),
        ("s3://bucket/a@b/set", "s3://bucket/a@b/set"),
        ("s3://bucket/a:b@c/set", "s3://c/set"),  # it could be a user name with a / in it
        ("s3://KEY:SEC/RET@bucket/set", "s3://bucket/set"),
        ("http://host:80/a@b?x=1#y", "http://host:80/a@b"),
        ("GET 'https://a:b@h/x?sig=1' failed, see https://h/y?z.", "GET 'https://h/x' failed, see https://h/y"),
        ("filecache::https://a:b@h/x", "filecache::https://h/x"),
        ("C:/a?b", "C:/a?b"),
        ("3 < 5 @ 7?", "3 < 5 @ 7?"),
    ],
)
def test_what_is_left_of_an_address(text, expected):
    assert without_secrets(text) == expected


WORDS = st.text("abcXYZ019-._~+/=%:", min_size=6, max_size=20)


@given(user=WORDS, password=WORDS, query=st.text("abcXYZ019-._~+/=%", min_size=6, max_size=20))
def test_whatever_the_characters_of_a_secret(user, password, query):
    user, password, query = f"u{SECRET}{user}", f"p{SECRET}{password}", f"q{SECRET}{query}"
    address = f"s3://{user}:{password}@bucket/set?token={query}"
    assert SECRET not in without_secrets(address)
    message = json.dumps({"url": address, "key": user, "why": f'Invalid bucket "{user}:{password}@bucket", {query}'})
    assert SECRET not in hide_address(message, address)
