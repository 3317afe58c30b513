"""Whatever goes wrong on the way, the set is published once, whole, or the cause is told in one line."""

import re
import signal

import pytest

from hub.conftest import LOAD, NAME, pixels, quick, until
from hub.test_publish import digests, expected

COMMIT = "/commit/main"
UPLOAD = {"lfs": ("PUT", "^/lfs/"), "xet": ("POST", "^/cas/v1/xorbs/")}


def transport(client):
    return "lfs" if "HF_HUB_DISABLE_XET" in client.env else "xet"


def published(hub, client, directory, *flags):
    """Publish, and see that it is there by one commit, however many tries it took."""
    done = client.publish(directory, *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("published "), done.stdout
    assert digests(hub) == expected(directory)
    assert len(hub.repos[NAME].log()) == 1
    assert not [f for f in hub.faults if f.times], "not all faults were met"
    return done.stderr


@pytest.mark.parametrize("status", [409, 412, 429, 500])
def test_a_commit_refused_for_the_moment(hub, client, sets, status):
    hub.fail("POST", COMMIT, status)
    told = published(hub, client, sets(60))
    assert re.search(rf"answered {status} .*; trying again in 0.1 s", told)
    assert hub.count("PUT", "^/lfs/") == 6, "sent again what was sent"


def test_pauses_grow(hub, client, sets):
    hub.fail("POST", COMMIT, 503, times=2)
    done = client.run("-m", "subsynth", "publish", sets(60), "--repo", NAME)
    assert re.findall(r"trying again in (\d+) s", done.stderr) == ["1", "2"]
    assert len(hub.repos[NAME].log()) == 1


@pytest.mark.parametrize("drop", ["before", "after", "body"])
def test_a_connection_cut_at_the_commit(hub, client, sets, drop):
    """After the work is done, its answer is lost: another try must not commit again."""
    hub.fail("POST", COMMIT, drop=drop)
    published(hub, client, sets(60))
    assert hub.count("POST", COMMIT) == (1 if drop == "after" else 2)


def test_the_head_moves_in_between(hub, client, sets):
    """A commit of someone else's between reading and writing is kept."""
    client.publish(sets(60))
    repo = hub.repos[NAME]
    hub.fail("POST", COMMIT, drop="hang")
    process = client.start("-m", "subsynth", "publish", sets(70), "--repo", NAME)
    until(lambda: hub.count("POST", COMMIT) == 2)
    repo.commit("theirs", repo.at("main").tree | {"notes.txt": hub.put_small(b"theirs")})
    hub.closing.set()  # the hanging request ends
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert hub.repos[NAME].at("main").tree["notes.txt"]
    assert [c.title for c in repo.log()] == ["subsynth 0.1.0", "theirs", "subsynth 0.1.0"]


@pytest.mark.parametrize("header", [{"Retry-After": "3"}, {"RateLimit": '"api";r=0;t=2'}])
def test_the_hub_s_own_pause_is_kept(hub, client, sets, header):
    hub.fail("POST", "/api/repos/create", 429, headers=header)
    assert "trying again in 3 s" in published(hub, client, sets(60))


def test_too_long_a_pause_is_the_user_s_to_wait(hub, client, sets):
    hub.fail("POST", COMMIT, 429, headers={"Retry-After": "3600"})
    done = client.publish(sets(60))
    assert done.returncode == 2 and "asks to wait 3600 s" in done.stderr
    published(hub, client, sets(60))


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
    """Answers that are lost are as good as work that is done: nothing is done twice."""
    for method, pattern in EVERYWHERE + TRANSPORT[transport(either)]:
        hub.fail(method, pattern, **({"status": int(fault)} if fault.isdigit() else {"drop": fault}))
    published(hub, either, sets(60), "--tag", "v1")
    assert hub.repos[NAME].tags == {"v1": hub.repos[NAME].head}
    assert not hub.leaks


def test_a_connection_cut_within_an_upload(hub, either, sets):
    hub.fail(*UPLOAD[transport(either)], drop="body", times=2)
    published(hub, either, sets(60))
    assert either.python(LOAD, NAME, "test") == pixels(quick(60), "test")


def test_upload_addresses_that_have_expired(hub, either, sets):
    """Storage refuses by 403, which of the hub itself would be final; new addresses are asked for."""
    hub.fail(*UPLOAD[transport(either)], status=403)
    published(hub, either, sets(60))


@pytest.mark.parametrize(
    ("status", "word", "where"),
    [
        (401, "hf auth login", "/api/repos/create$"),
        (403, "role `write`", "/preupload/"),
        (403, "role `write`", COMMIT),
        (404, "hf auth whoami", COMMIT),
    ],
)
def test_a_refusal_is_told_at_once(hub, client, sets, status, word, where):
    hub.fail("POST", where, status, times=99)
    done = client.publish(sets(60))
    assert done.returncode == 2 and word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert hub.count("POST", where) == 1


def test_a_ticket_refused_is_told_at_once(hub, client, sets):
    """The one request that only Xet makes, and whose refusal reaches Python as another kind of error."""
    del client.env["HF_HUB_DISABLE_XET"]
    hub.fail("GET", "/xet-write-token/", 403, times=99)
    done = client.publish(sets(60))
    assert done.returncode == 2 and "role `write`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_card_refused_by_the_hub(hub, client, sets):
    hub.fail("POST", "/api/validate-yaml$", 400)
    done = client.publish(sets(60))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert not hub.repos[NAME].log()


def test_a_hub_that_never_answers_is_given_up(hub, client, sets):
    hub.fail("POST", "/api/repos/create$", 500, times=99)
    code = f"""
import sys
from subsynth import hub, retry
retry.PAUSES = (0.1, 0.1)
hub.publish(__import__("pathlib").Path(sys.argv[1]), "{NAME}")
"""
    done = client.run("-c", code, sets(60))
    assert "HubError" in done.stderr and "answered 500" in done.stderr and "3 times in a row" in done.stderr
    assert hub.count("POST", "/api/repos/create$") == 3


def test_killed_within_an_upload(hub, client, sets):
    """The same command sends what is missing and nothing else."""
    hub.fail("PUT", "^/lfs/", skip=3, times=5, drop="hang")
    process = client.start("-m", "subsynth", "publish", sets(2600), "--repo", NAME)
    until(lambda: hub.count("PUT", "^/lfs/") >= 4)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    whole = [r.path for r in hub.requests if r.method == "PUT" and r.status == 200]
    assert whole and not hub.repos[NAME].log()
    hub.faults.clear()
    published(hub, client, sets(2600))
    sent = [r.path for r in hub.requests if r.method == "PUT" and r.status == 200]
    assert len(sent) == len(set(sent)) > len(whole)


def test_killed_between_upload_and_commit(hub, either, sets):
    """By Xet too, nothing of what the hub has taken is sent again."""
    hub.fail("POST", COMMIT, drop="hang")
    process = either.start("-m", "subsynth", "publish", sets(60), "--repo", NAME)
    until(lambda: hub.count("POST", COMMIT) == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sent = hub.uploaded()
    assert sent and not hub.repos[NAME].log()
    published(hub, either, sets(60))
    assert hub.uploaded() == sent


def test_killed_before_the_answer_to_the_commit(hub, client, sets):
    hub.fail("POST", COMMIT, drop="hang after")
    process = client.start("-m", "subsynth", "publish", sets(60), "--repo", NAME, "--tag", "v1")
    until(lambda: hub.count("POST", COMMIT) == 1 and len(hub.repos[NAME].log()) == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = client.publish(sets(60), "--tag", "v1")
    assert done.returncode == 0 and "up to date" in done.stdout
    assert len(hub.repos[NAME].log()) == 1
    assert hub.repos[NAME].tags == {"v1": hub.repos[NAME].head}


def test_ctrl_c_is_told_in_one_line(hub, either, sets):
    hub.fail(*UPLOAD[transport(either)], drop="hang")
    process = either.start("-m", "subsynth", "publish", sets(60), "--repo", NAME)
    until(lambda: hub.count(*UPLOAD[transport(either)]) >= 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped; the same command sends what is missing" in err
    hub.faults.clear()
    published(hub, either, sets(60))


def test_a_file_that_the_hub_leaves_out_is_noticed(hub, client, sets):
    """Such as by a .gitignore there: what was sent is compared with what is held."""
    hub.ignored = "LICENSES.md"
    done = client.publish(sets(60))
    assert done.returncode == 2 and "holds other files than were sent (LICENSES.md)" in done.stderr
