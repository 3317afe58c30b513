"""Whatever fails, the data set is published completely by one commit, or the cause is reported in one line."""

import re
import signal

import pytest

from hub.conftest import LOAD, NAME, pixels, quick, wait_until
from hub.test_publish import digests, expected

COMMIT = "/commit/main"
UPLOAD = {"lfs": ("PUT", "^/lfs/"), "xet": ("POST", "^/cas/v1/xorbs/")}


def transport(client):
    return "lfs" if "HF_HUB_DISABLE_XET" in client.env else "xet"


def assert_published(hub, client, directory, *flags):
    """Publish, and check that one commit holds the data set, after however many tries; its standard error."""
    result = client.publish(directory, *flags)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("published "), result.stdout
    assert digests(hub) == expected(directory)
    assert len(hub.repos[NAME].log()) == 1
    assert not [f for f in hub.faults if f.times], "not every planned fault happened"
    return result.stderr


@pytest.mark.parametrize("status", [409, 412, 429, 500])
def test_a_commit_refused_temporarily(hub, client, sets, status):
    hub.fail("POST", COMMIT, status)
    messages = assert_published(hub, client, sets(60))
    assert re.search(rf"answered {status} .*; trying again in 0.1 s", messages)
    assert hub.count("PUT", "^/lfs/") == 6, "files were sent twice"


def test_pauses_grow(hub, client, sets):
    hub.fail("POST", COMMIT, 503, times=2)
    result = client.run("-m", "subsynth", "publish", sets(60), "--repo", NAME)
    assert re.findall(r"trying again in (\d+) s", result.stderr) == ["1", "2"]
    assert len(hub.repos[NAME].log()) == 1


@pytest.mark.parametrize("drop", ["before", "after", "body"])
def test_a_connection_cut_during_the_commit(hub, client, sets, drop):
    """If the commit succeeded and only its answer is lost, the next try must not commit again."""
    hub.fail("POST", COMMIT, drop=drop)
    assert_published(hub, client, sets(60))
    assert hub.count("POST", COMMIT) == (1 if drop == "after" else 2)


def test_the_head_moves_during_the_commit(hub, client, sets):
    """A commit by somebody else between reading and writing is kept."""
    client.publish(sets(60))
    repo = hub.repos[NAME]
    hub.fail("POST", COMMIT, drop="hang")
    process = client.start("-m", "subsynth", "publish", sets(70), "--repo", NAME)
    wait_until(lambda: hub.count("POST", COMMIT) == 2)
    repo.commit("theirs", repo.at("main").tree | {"notes.txt": hub.put_small(b"theirs")})
    hub.closing.set()  # the hanging request ends
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert hub.repos[NAME].at("main").tree["notes.txt"]
    assert [c.title for c in repo.log()] == ["subsynth 0.1.0", "theirs", "subsynth 0.1.0"]


@pytest.mark.parametrize("header", [{"Retry-After": "3"}, {"RateLimit": '"api";r=0;t=2'}])
def test_the_pause_that_the_hub_asks_for_is_kept(hub, client, sets, header):
    hub.fail("POST", "/api/repos/create", 429, headers=header)
    assert "trying again in 3 s" in assert_published(hub, client, sets(60))


def test_a_long_pause_is_left_to_the_user(hub, client, sets):
    hub.fail("POST", COMMIT, 429, headers={"Retry-After": "3600"})
    result = client.publish(sets(60))
    assert result.returncode == 2 and "asks to wait 3600 s" in result.stderr
    assert_published(hub, client, sets(60))


EVERYWHERE = [
    ("GET", "/whoami-v2$"), ("GET", f"/api/datasets/{NAME}$"), ("GET", "/tree/"), ("GET", "/refs$"),
    ("POST", "/api/repos/create$"), ("POST", "/preupload/"), ("POST", "/api/validate-yaml$"), ("POST", COMMIT),
    ("POST", "/tag/"),
]  # fmt: skip
TRANSPORT = {
    "lfs": [("POST", "/info/lfs/objects/batch$"), ("PUT", "^/lfs/"), ("POST", "/lfs-verify$")],
    "xet": [("GET", "/xet-write-token/"), ("POST", "^/cas/v1/xorbs/"), ("POST", "^/cas/v1/shards$")],
}


@pytest.mark.parametrize("fault", ["503", "before", "after"])
def test_each_request_fails_once(hub, either, sets, fault):
    """Even if a request succeeded and only its answer is lost, nothing is done twice."""
    for method, pattern in EVERYWHERE + TRANSPORT[transport(either)]:
        hub.fail(method, pattern, **({"status": int(fault)} if fault.isdigit() else {"drop": fault}))
    assert_published(hub, either, sets(60), "--tag", "v1")
    assert hub.repos[NAME].tags == {"v1": hub.repos[NAME].head}
    assert not hub.leaks


def test_a_connection_cut_during_an_upload(hub, either, sets):
    hub.fail(*UPLOAD[transport(either)], drop="body", times=2)
    assert_published(hub, either, sets(60))
    assert either.python(LOAD, NAME, "test") == pixels(quick(60), "test")


def test_expired_upload_addresses(hub, either, sets):
    """The storage answers 403, which from the hub itself would be final; new addresses are requested."""
    hub.fail(*UPLOAD[transport(either)], status=403)
    assert_published(hub, either, sets(60))


@pytest.mark.parametrize(
    ("status", "word", "where"),
    [
        (401, "hf auth login", "/api/repos/create$"),
        (403, "role `write`", "/preupload/"),
        (403, "role `write`", COMMIT),
        (404, "hf auth whoami", COMMIT),
    ],
)
def test_a_refusal_is_final(hub, client, sets, status, word, where):
    hub.fail("POST", where, status, times=99)
    result = client.publish(sets(60))
    assert result.returncode == 2 and word in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert hub.count("POST", where) == 1


def test_a_refused_xet_token_is_final(hub, client, sets):
    """This request comes from the Xet client, which reports a refusal as another kind of error."""
    del client.env["HF_HUB_DISABLE_XET"]
    hub.fail("GET", "/xet-write-token/", 403, times=99)
    result = client.publish(sets(60))
    assert result.returncode == 2 and "role `write`" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_card_refused_by_the_hub(hub, client, sets):
    hub.fail("POST", "/api/validate-yaml$", 400)
    result = client.publish(sets(60))
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
    assert not hub.repos[NAME].log()


def test_retries_end(hub, client, sets):
    hub.fail("POST", "/api/repos/create$", 500, times=99)
    code = f"""
import pathlib, sys
from subsynth.publish.hub import publish
publish(pathlib.Path(sys.argv[1]), "{NAME}", pauses=(0.1, 0.1))
"""
    result = client.run("-c", code, sets(60))
    assert "HubError" in result.stderr and "answered 500" in result.stderr and "3 times in a row" in result.stderr
    assert hub.count("POST", "/api/repos/create$") == 3


def test_killed_during_an_upload(hub, client, sets):
    """The same command sends only what is missing."""
    hub.fail("PUT", "^/lfs/", skip=3, times=5, drop="hang")
    process = client.start("-m", "subsynth", "publish", sets(2600), "--repo", NAME)

    def received():
        return [r.path for r in hub.requests if r.method == "PUT" and r.status == 200]

    wait_until(lambda: hub.count("PUT", "^/lfs/") >= 4 and len(received()) == 3)  # files are sent at the same time
    process.send_signal(signal.SIGKILL)
    process.communicate()
    complete = received()
    assert complete and not hub.repos[NAME].log()
    hub.faults.clear()
    assert_published(hub, client, sets(2600))
    sent = received()
    assert len(sent) == len(set(sent)) > len(complete)


def test_killed_between_upload_and_commit(hub, either, sets):
    """Nothing that the hub has received is sent again."""
    hub.fail("POST", COMMIT, drop="hang")
    process = either.start("-m", "subsynth", "publish", sets(60), "--repo", NAME)
    wait_until(lambda: hub.count("POST", COMMIT) == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sent = hub.uploaded()
    assert sent and not hub.repos[NAME].log()
    assert_published(hub, either, sets(60))
    assert hub.uploaded() == sent


def test_killed_before_the_answer_to_the_commit(hub, client, sets):
    hub.fail("POST", COMMIT, drop="hang after")
    process = client.start("-m", "subsynth", "publish", sets(60), "--repo", NAME, "--tag", "v1")
    wait_until(lambda: hub.count("POST", COMMIT) == 1 and len(hub.repos[NAME].log()) == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    result = client.publish(sets(60), "--tag", "v1")
    assert result.returncode == 0 and "up to date" in result.stdout
    assert len(hub.repos[NAME].log()) == 1
    assert hub.repos[NAME].tags == {"v1": hub.repos[NAME].head}


def test_ctrl_c_ends_the_upload_with_one_line(hub, either, sets):
    hub.fail(*UPLOAD[transport(either)], drop="hang")
    process = either.start("-m", "subsynth", "publish", sets(60), "--repo", NAME)
    wait_until(lambda: hub.count(*UPLOAD[transport(either)]) >= 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped; the same command sends what is missing" in err
    hub.faults.clear()
    assert_published(hub, either, sets(60))


def test_a_file_excluded_by_the_hub_is_noticed(hub, client, sets):
    """For example by a .gitignore there: what the hub holds is compared with what was sent."""
    hub.ignored = "LICENSES.md"
    result = client.publish(sets(60))
    assert result.returncode == 2 and "holds other files than were sent (LICENSES.md)" in result.stderr
