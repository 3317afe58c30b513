"""Publishing a rendered directory as a data set of the Hugging Face hub: one commit, verified before and after.

Publishing is idempotent: what the hub holds already is not sent, committed or tagged again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from subsynth.core.addresses import without_secrets
from subsynth.core.errors import HubError, OutputError
from subsynth.core.progress import NoProgress, Progress
from subsynth.core.terminal import one_line
from subsynth.format.image_header import PNG_SIGNATURE
from subsynth.format.manifest import MAX_BYTES, Manifest
from subsynth.publish.changes import Changes, File, RemoteState, compare, read_remote
from subsynth.publish.retry import call_with_retries, describe, is_transient, raise_if_refused
from subsynth.publish.upload import BATCH_BYTES, Upload, hide_client_bars
from subsynth.report import card
from subsynth.storage import paths
from subsynth.storage.regular_files import open_regular, read_regular
from subsynth.verify import verify

T = TypeVar("T")

_DOCUMENT_BYTES = MAX_BYTES  # of a file that is not a shard
_SCORES_BYTES = 1 << 20


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
    (_, files), api = _collect_files(directory, repo, verifying), HfApi()
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
    manifest, files = _collect_files(directory, repo, verifying)

    def retry(action: Callable[[], T]) -> T:
        return call_with_retries(repo, action, progress, pauses)

    remote = retry(lambda: read_remote(api, repo))
    tagged = retry(lambda: _check_remote(api, repo, remote, private, tag, files))
    if remote is None:
        retry(lambda: api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True))
    upload = Upload(api, repo, f"subsynth {one_line(manifest.version, 60)}", progress, batch_bytes)
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


def _collect_files(directory: Path, repo: str, progress: Progress | None) -> tuple[Manifest, list[File]]:
    """The manifest of a data set, and its files as they are published; no other files of its directory.

    Raises OutputError if the directory does not verify, or if a file is not a regular one in its place.
    """
    progress = progress or NoProgress()
    if not directory.is_dir():
        raise OutputError(f"{directory}: no such directory; render it first")
    documents = {name: read_regular(directory, name, _DOCUMENT_BYTES) for name in paths.DOCUMENTS}
    manifest = Manifest.parse(documents[paths.MANIFEST], str(directory / paths.MANIFEST))
    for record in manifest.shards:
        open_regular(directory, record.file).close()
    report = verify(directory, progress=progress)
    if report.violations:
        shard, row, what = report.violations[0]
        more = f" (and {len(report.violations) - 1} more, listed by `subsynth verify`)" if report.violations[1:] else ""
        raise OutputError(
            f"{directory} cannot be published: {shard}{f', row {row}' if row >= 0 else ''}: {what}{more}; "
            "render it again"
        )
    if report.not_checked:
        progress.message(f"{directory}: {report.not_checked}")
    for name in paths.FIGURES:
        if not documents[f"{paths.ASSETS}/{name}"].startswith(PNG_SIGNATURE):
            raise OutputError(f"{directory / paths.ASSETS / name}: is not a PNG file; render it again")
    documents[paths.CARD] = _card(directory, documents[paths.CARD], repo)
    files = [File(r.file, directory, r.bytes, r.sha256) for r in manifest.shards]
    files += [File(name, c, len(c), hashlib.sha256(c).hexdigest()) for name, c in documents.items()]
    return manifest, files


def _card(directory: Path, content: bytes, repo: str) -> bytes:
    """The card as it is published: with the repository's name and the scores of models, if there are any."""
    scores = b""
    if os.path.lexists(directory / card.SCORES):
        scores = read_regular(directory, card.SCORES, _SCORES_BYTES)
    try:
        return card.completed(content.decode("utf-8"), repo, without_secrets(scores.decode("utf-8"))).encode()
    except UnicodeError as error:
        raise OutputError(f"{directory}: {paths.CARD} or {card.SCORES} is not UTF-8; render or score again") from error


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
