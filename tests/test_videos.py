"""Users' films: which frames become backgrounds, and how they are divided between train and test."""

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest
from clips import BLACK, empty_cache, shot, write_clip  # noqa: F401 - a fixture

from subsynth import Spec, SpecError, pairs, sub_en
from subsynth.assets import film_frames, listing, pyramids, thumbnails
from subsynth.assets.assets import Assets
from subsynth.assets.backgrounds import frame_scenes
from subsynth.assets.preparation import prepare
from subsynth.assets.videos import SAME_SHOT, Frame, divide_frames, user_films
from subsynth.core import cache
from subsynth.spec.outside_paths import paths_outside

SIZE = 64, 16  # px, of crops
pytestmark = pytest.mark.usefixtures("empty_cache")


def frames_of(*paths):
    """The frames of train and those of test."""
    frames = divide_frames(user_films([str(path) for path in paths]), *SIZE)
    return [f for f in frames if not f.test], [f for f in frames if f.test]


def seconds_of(frames):
    return [float(frame.name.rpartition("@")[2]) for frame in frames]


def seeds_of(frames, seeds):
    """The shots that frames show, found by comparing pixels."""
    shots = {seed: shot(seed)[:, :, ::-1].astype(float) for seed in seeds}
    found = []
    for scene in frame_scenes(frames, *SIZE):
        image = cv2.resize(scene.levels[0].planes.transpose(1, 2, 0), (160, 90), interpolation=cv2.INTER_AREA)
        errors = {seed: np.abs(image - pixels).mean() for seed, pixels in shots.items()}
        found.append(min(errors, key=errors.get))
        assert errors[found[-1]] < 12
    return found


def packed_seeds(path, seeds):
    """The shots of the frames of a film before they are divided."""
    (film,) = user_films([str(path)])
    count = len(film_frames.read_film(film, *SIZE).seconds)
    return seeds_of([Frame(str(i), film, i, False) for i in range(count)], seeds)


def spec_of(*videos, **background):
    spec = sub_en(n=30, n_test=10)
    return dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=("Arimo",), unseen_families=()),
        background=dataclasses.replace(
            spec.background, videos=tuple(map(str, videos)), **({"p_procedural": 0.0} | background)
        ),
    )


def test_one_film_is_divided_in_time_with_a_gap(tmp_path):
    train, test = frames_of(write_clip(tmp_path / "a.avi", range(40)))
    seconds = seconds_of(train + test)
    assert len(train) >= 25 and len(test) >= 5
    assert seconds == sorted(seconds) and np.diff(seconds_of(train)).max() < 3
    assert min(seconds_of(test)) - max(seconds_of(train)) >= 5
    assert {frame.name.partition("@")[0] for frame in train + test} == {"a.avi"}
    seen, unseen = seeds_of(train, range(40)), seeds_of(test, range(40))
    assert seen == [int(s) for s in seconds_of(train)] and unseen == [int(s) for s in seconds_of(test)]


def test_shots_of_train_that_are_seen_again_are_not_in_test(tmp_path):
    train, test = frames_of(write_clip(tmp_path / "a.avi", [*range(17), 3, 17, 4]))
    assert 17 in seeds_of(test, range(18)) and set(seeds_of(test, range(18))) <= {16, 17}
    assert {3, 4} <= set(seeds_of(train, range(18)))


def test_of_two_films_each_is_on_one_side(tmp_path):
    paths = [write_clip(tmp_path / f"{i}.avi", range(10 * i, 10 * i + 9)) for i in range(2)]
    train, test = frames_of(*paths)
    assert len({f.film for f in train}) == len({f.film for f in test}) == 1
    assert {f.film for f in train} != {f.film for f in test}
    assert frames_of(*paths[::-1]) == (train, test)


def test_test_frames_that_another_film_shows_too_are_left_out(tmp_path):
    paths = [write_clip(tmp_path / f"{i}.avi", [*range(10 * i, 10 * i + 8), 99]) for i in range(2)]
    train, test = frames_of(*paths)
    assert 99 in seeds_of(train, [*range(20), 99])
    assert len(test) == 8 and 99 not in seeds_of(test, [*range(20), 99])


def test_a_shot_is_recognised_after_the_camera_has_moved():
    rng = np.random.default_rng(3)
    scenes = [cv2.resize(rng.integers(0, 255, (9, 16, 3), np.uint8), (800, 450)) for _ in range(40)]
    left, right = (np.stack([thumbnails.thumbnail(s[:, x : x + 740]) for s in scenes]) for x in (0, 60))
    assert np.median(thumbnails.likeness(left, right)) > SAME_SHOT
    assert all(thumbnails.likeness(left[i : i + 1], np.delete(right, i, 0)) < SAME_SHOT for i in range(40))


def test_many_films_of_the_same_name_are_told_apart(tmp_path):
    paths = []
    for i in range(9):
        (tmp_path / str(i)).mkdir()
        paths.append(write_clip(tmp_path / str(i) / "a.avi", range(3 * i, 3 * i + 3)))
    shutil.copy(paths[0], tmp_path / "copy.avi")
    films = user_films([*map(str, paths), str(tmp_path / "copy.avi")])
    assert len({f.name for f in films}) == len(films) == 9
    assert all(f.name == f"{f.sha256[:8]}-a.avi" for f in films)
    train, test = frames_of(*paths)
    assert len({f.film for f in test}) == 2 and len({f.film for f in train}) == 7


def test_black_uniform_and_repeated_frames_are_left_out(tmp_path):
    path = write_clip(tmp_path / "a.avi", [BLACK, 1, 2, BLACK, 2, 3, 4, 5, 6, 7, 8, BLACK])
    assert packed_seeds(path, range(10)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_same_file_gives_the_same_frames(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mp4", range(12), codec="mp4v")
    packs = []
    for folder in ("one", "other"):
        monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / folder))
        with cache.checking_again():
            frames = frames_of(path)
            (entry,) = (tmp_path / folder / film_frames.PACK).iterdir()
        packs.append((frames, [(entry / name).read_bytes() for name in ("pixels.u8", "seconds.json", "thumbnails.u8")]))
    assert packs[0] == packs[1]


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [
        ("portrait.mp4", "mp4v", (90, 160)),
        ("tiny.avi", "MJPG", (16, 16)),
        ("wide.avi", "MJPG", (640, 32)),
        ("no_index.mjpeg", "MJPG", (160, 90)),
        ("a.mkv", "MJPG", (160, 90)),
        ("a.ts", "mp4v", (160, 90)),
    ],
)
def test_containers_and_shapes(tmp_path, name, codec, size):
    path = write_clip(tmp_path / name, range(12), size, codec)
    train, test = frames_of(path)
    assert len(train) >= 5 and test
    assert len({f.name for f in train + test}) == len(train + test)
    for scene in frame_scenes(train, *SIZE):
        assert scene.levels[0].planes.shape[1] >= 360 and scene.levels[0].planes.shape[2] >= 640


def test_large_frames(tmp_path):
    path = write_clip(tmp_path / "a.avi", range(4), (3840, 2160), seconds=0.5)
    assert packed_seeds(path, range(4)) == [0, 1, 2, 3]


def test_a_frame_size_that_changes(tmp_path):
    parts = [
        write_clip(tmp_path / f"{i}.mjpeg", range(6 * i, 6 * i + 6), size)
        for i, size in enumerate([(160, 90), (96, 96)])
    ]
    (tmp_path / "both.mjpeg").write_bytes(b"".join(part.read_bytes() for part in parts))
    train, test = frames_of(tmp_path / "both.mjpeg")
    assert len(train) + len(test) > 6


def test_the_cache_of_a_film_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(film_frames, "MAX_BYTES", 10_000_000)
    path = write_clip(tmp_path / "a.avi", range(20))
    (film,) = user_films([str(path)])
    content = film_frames.read_film(film, 120, 30)
    entry = cache.cache_folder() / film_frames._entry(film, 120, 30)
    one = pyramids.count_bytes(160, 90, 120, 30)
    assert sum((entry / name).stat().st_size for name in ("pixels.u8", "sums.i64")) == len(content.seconds) * one
    assert len(content.seconds) == 10_000_000 // one and content.seconds[-1] > 15  # spread over the whole film


def test_pictures_and_frames_are_used_together(tmp_path):
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"pictures/{i}.png"), shot(100 + i))
    path = write_clip(tmp_path / "a.avi", range(12))
    names = {s.name for s in Assets.open(spec_of(path, folders=(str(tmp_path / "pictures"),)), "train").photographs}
    assert any(name.startswith("a.avi@") for name in names) and any(name.endswith(".png") for name in names)
    assert all(s.name.startswith("a.avi@") for s in Assets.open(spec_of(path), "test").photographs)
    assert listing.frames_of(spec_of(path, p_procedural=1.0), False) == ()


def test_frames_are_what_is_behind_the_text(tmp_path):
    path = write_clip(tmp_path / "a.avi", range(12))
    names = {pair.recipe.background for split in ("train", "test") for pair in pairs(spec_of(path), split, 0, 10)}
    assert names <= {frame.name for side in frames_of(path) for frame in side}


def test_the_digest_of_the_assets_covers_the_films(tmp_path):
    path = write_clip(tmp_path / "a.avi", range(12))
    before = listing.assets_digest(spec_of(path))
    write_clip(path, range(13))
    listing.films_of.cache_clear()
    assert listing.assets_digest(spec_of(path)) != before


def test_preparation_reports_progress(tmp_path):
    class Steps:
        total, done, names = 0, 0, []

        def start(self, total, done=0):
            self.total = total

        def advance(self, amount):
            self.done += amount

        def message(self, text):
            self.names.append(text)

    spec, steps = spec_of(write_clip(tmp_path / "a.avi", range(70, 82))), Steps()
    prepare(spec, 1, steps)
    assert steps.names == ["frames of a.avi"] and steps.done == steps.total == 100
    prepare(spec, 1, again := Steps())
    assert again.total == 0


def test_render_preview_and_verify(run, tmp_path):
    write_clip(tmp_path / "a.avi", range(20))
    (tmp_path / "lines.txt").write_text("".join(f"Line number {i} of my own text\n" for i in range(40)))
    (tmp_path / "s.yaml").write_text("fonts: {families: [Arimo]}\nbackground: {videos: [gone.avi], p_procedural: 0}\n")
    options = ("--spec", "s.yaml", "--video", "a.avi", "--text", "lines.txt")
    printed = run("spec", *options, "--n", 20)
    spec = Spec.from_yaml(printed.out)
    assert spec.background.videos == ("a.avi",) and spec.text.files == ("lines.txt",)
    assert spec.background.p_procedural == 0 and spec == Spec.from_yaml(spec.to_yaml())
    assert len(paths_outside(spec, tmp_path / "set")) == 2
    result = run("render", *options, "--n", 20, "--out", "set", "--workers", 1)
    assert result.code == 0 and not result.err, result.err
    report = json.loads(run("verify", "set", "--trust-paths", "--json").out)
    assert report["ok"] and report["rendered_again"] and not report["not_checked"]
    assert "--trust-paths" in run("verify", "set").out
    assert "Supplied by the creator" in (tmp_path / "set/LICENSES.md").read_text().split("## Photographs")[1]
    assert run("preview", *options, "--count", 2, "--out", "p.png").code == 0


def test_flags_join_sections_and_wrong_sections_are_still_rejected():
    text = "background: {p_flip: 0.25, videos: [a]}\n"
    spec = Spec.from_yaml(text, background={"videos": ["b"]}, text={"files": ["c"]})
    assert spec.background.p_flip == 0.25 and spec.background.videos == ("b",) and spec.text.files == ("c",)
    with pytest.raises(SpecError, match="background is 'no'"):
        Spec.from_yaml("background: 'no'", background={"videos": ["b"]})
