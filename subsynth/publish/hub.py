"""Publishing a rendered directory as a data set of the Hugging Face hub: one commit, verified before and after.

Publishing is idempotent: what the hub holds already is not sent, committed or tagged again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from subsynth.core.errors import HubError, OutputError
from subsynth.core.progress import NoProgress, Progress
from subsynth.format.manifest import Manifest
from subsynth.publish.changes import Changes, File, RemoteState, compare, read_remote
from subsynth.publish.retry import call_with_retries, describe, is_transient, raise_if_refused
from subsynth.publish.upload import BATCH_BYTES, Upload, hide_client_bars
from subsynth.report import card
from subsynth.storage import paths
from subsynth.verify import verify

T = TypeVar("T")


@dataclass(frozen=True)
class Published:
    """What `publish` did: the commit that holds the data set, and its changes; no changes if it was up to date."""

    commit: str
    changes: Changes


def preview_changes(
    directory: Path,
    repo: str,
    private: bool = False,
    tag: str | None = None,
    verifying: Progress | None = None,
    uploading: Progress | None = None,
) -> Changes:
    """What `publish` would change; reads from the hub and changes nothing.

    If the hub cannot be reached, everything counts as missing, and `uploading.message` says so. Raises as `publish`.
    """
    uploading = uploading or NoProgress()
    _check_names(repo, tag)
    files, api = _collect_files(directory, repo, verifying), HfApi()
    try:
        remote = read_remote(api, repo)
    except Exception as error:  # sorted as in `call_with_retries`
        raise_if_refused(repo, error)
        if not is_transient(error):
            raise
        uploading.message(f"{describe(error)}; what the hub holds already is unknown")
        remote = None
    _check_remote(api, repo, remote, private, tag, files)
    return compare(files, remote)


def publish(
    directory: Path,
    repo: str,
    private: bool = False,
    tag: str | None = None,
    verifying: Progress | None = None,
    uploading: Progress | None = None,
    batch_bytes: int = BATCH_BYTES,
    pauses: Sequence[float] | None = None,
) -> Published:
    """Publish a rendered directory as the data set `repo`, "namespace/name", creating or updating it.

    One commit holds everything that differs, and deletes files in data/ that are no longer part of the data set;
    `tag` then names it. Endpoint and token are those of the hub's client (HF_ENDPOINT, HF_TOKEN, `hf auth login`).

    `verifying` counts rows; `uploading` counts bytes and gets a message for each transient failure. Files are sent in
    batches of `batch_bytes`; `pauses` are the seconds before each retry (None: `retry.PAUSES`). Raises OutputError if
    the directory does not verify, and HubError for failures of the hub.
    """
    progress = uploading or NoProgress()
    _check_names(repo, tag)
    api = HfApi()
    _check_token(api, repo)
    files = _collect_files(directory, repo, verifying)

    def retry(action: Callable[[], T]) -> T:
        return call_with_retries(repo, action, progress, pauses)

    remote = retry(lambda: read_remote(api, repo))
    tagged = retry(lambda: _check_remote(api, repo, remote, private, tag, files))
    if remote is None:
        retry(lambda: api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True))
    upload = Upload(api, repo, f"subsynth {Manifest.load(directory).version}", progress, batch_bytes)
    with hide_client_bars():
        commit = retry(lambda: upload.run(files))
    _check_published(repo, files, retry(lambda: read_remote(api, repo, commit)))
    if tag and not tagged:
        retry(lambda: _create_tag(api, repo, tag, commit, files))
    return Published(commit, upload.changes)


def _check_names(repo: str, tag: str | None) -> None:
    """Raise HubError for names that the hub does not allow."""
    try:
        huggingface_hub.utils.validate_repo_id(repo)
    except HFValidationError as error:
        raise HubError(f"--repo {repo!r}: {str(error).split(' - ')[0]}") from error
    if repo.count("/") != 1:
        raise HubError(f"--repo {repo!r}: must be of the form namespace/name, such as you/sub_en")
    if tag is not None and not re.fullmatch(r"(?!.*(\.\.|\.lock$|\.$))[A-Za-z0-9_][A-Za-z0-9_.+-]*", tag):
        raise HubError(f"--tag {tag!r}: must consist of letters, digits, and . _ + - inside; such as v1.0.0")


def _check_token(api: HfApi, repo: str) -> None:
    """Reject a missing or wrong token before a large directory is verified. Other failures are left to later steps."""
    try:
        api.whoami()
    except Exception as error:  # sorted as in `call_with_retries`
        if not isinstance(error, HfHubHTTPError) or error.response.status_code == 401:
            raise_if_refused(repo, error)
            if not is_transient(error):
                raise


def _collect_files(directory: Path, repo: str, progress: Progress | None) -> list[File]:
    """The files of a data set, as they are published; no other files of its directory.

    Raises OutputError if the directory does not verify.
    """
    violations = verify(directory, progress=progress).violations
    if violations:
        shard, row, what = violations[0]
        more = f" (and {len(violations) - 1} more, listed by `subsynth verify`)" if violations[1:] else ""
        raise OutputError(
            f"{directory} cannot be published: {shard}{f', row {row}' if row >= 0 else ''}: {what}{more}; "
            "render it again"
        )
    shards = Manifest.load(directory).shards
    files = [File(r.file, directory / r.file, r.bytes, r.sha256) for r in shards]
    for name in paths.DOCUMENTS:
        content = _card(directory, repo) if name == paths.CARD else (directory / name).read_bytes()
        files.append(File(name, content, len(content), hashlib.sha256(content).hexdigest()))
    return files


def _card(directory: Path, repo: str) -> bytes:
    """The card as it is published: with the repository's name and the scores of models, if there are any."""
    text = (directory / paths.CARD).read_text(encoding="utf-8")
    scores = directory / card.SCORES
    return card.completed(text, repo, scores.read_text(encoding="utf-8") if scores.exists() else "").encode()


def _check_remote(
    api: HfApi, repo: str, remote: RemoteState | None, private: bool, tag: str | None, files: list[File]
) -> bool:
    """Whether the tag names this very data set already. Raises HubError for a conflict, before anything is changed."""
    if remote is None:
        return False
    if private and not remote.private:
        raise HubError(f"{repo}: is public already; make it private in its settings, or drop --private")
    if tag is None or tag not in remote.tags:
        return False
    if compare(files, read_remote(api, repo, tag)):
        raise HubError(f"{repo}: tag {tag!r} names another data set already; choose another tag")
    return True


def _check_published(repo: str, files: list[File], remote: RemoteState | None) -> None:
    """Raise HubError if the hub does not hold the files that were sent."""
    changes = compare(files, remote)
    if changes:
        paths_ = [file.path for file in changes.send] + list(changes.delete)
        raise HubError(
            f"{repo}: the hub holds other files than were sent ({', '.join(paths_[:3])}); publish once more, "
            "and if that changes nothing, check whether a .gitignore there excludes them"
        )


def _create_tag(api: HfApi, repo: str, tag: str, commit: str, files: list[File]) -> None:
    try:
        api.create_tag(repo, tag=tag, revision=commit, repo_type="dataset")
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        if compare(files, read_remote(api, repo, tag)):  # otherwise it was created, and only the answer was lost
            raise HubError(f"{repo}: tag {tag!r} names another data set already; choose another tag") from error
