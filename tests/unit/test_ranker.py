"""The engine of the classifiers on a toy set: exact ranks, and the same model every time and after a reload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bot.ranker import Ranker

Vectors = npt.NDArray[np.float32]

EXAMPLES = [
    ("can i drink wine", "wine"),
    ("is wine allowed", "wine"),
    ("a glass of wine", "wine"),
    ("can i drive a car", "car"),
    ("is driving allowed", "car"),
    ("drive home by car", "car"),
    ("what about sleep", "sleep"),
    ("i cannot sleep", "sleep"),
    ("sleep is bad", "sleep"),
]
TEXTS = [text for text, _ in EXAMPLES]
LABELS = [label for _, label in EXAMPLES]
_DIRECTION = {"wine": 0, "car": 1, "sleep": 2}


def _vector(label: str, noise: int = 0) -> Vectors:
    """A unit vector that means ``label``, with a little of something else."""
    vector = np.zeros(384, dtype=np.float32)
    vector[_DIRECTION[label]] = 1
    vector[100 + noise] = 0.3
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


NEUTRAL = np.eye(384, dtype=np.float32)[300]
VECTORS = np.stack([_vector(label, number) for number, label in enumerate(LABELS)])


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return Ranker.fit(TEXTS, VECTORS, LABELS, min_texts=2)


def _names(ranker: Ranker, text: str, vector: Vectors) -> list[str]:
    return [ranked.label for ranked in ranker.rank(text, vector)]


@pytest.mark.parametrize(("text", "label"), EXAMPLES)
def test_every_example_is_ranked_under_its_own_label(ranker: Ranker, text: str, label: str) -> None:
    best, *others = ranker.rank(text, _vector(label, TEXTS.index(text)))
    assert best.label == label
    assert best.score > 0.7
    assert all(other.score < 0.4 for other in others)


def test_the_ranks_are_exact(ranker: Ranker) -> None:
    assert _names(ranker, "wine and a car", _vector("wine", 50)) == ["wine", "car", "sleep"]
    assert _names(ranker, "a car, then wine", _vector("car", 50)) == ["car", "wine", "sleep"]
    assert _names(ranker, "sleep, then drive", _vector("sleep", 50)) == ["sleep", "car", "wine"]


def test_the_meaning_decides_where_the_words_say_nothing(ranker: Ranker) -> None:
    for label in _DIRECTION:
        assert _names(ranker, "zzz", _vector(label, 60))[0] == label


def test_the_words_decide_where_the_meaning_says_nothing(ranker: Ranker) -> None:
    for word in ("wine", "car", "sleep"):
        assert _names(ranker, word, NEUTRAL)[0] == word


def test_meaning_counts_more_than_words(ranker: Ranker) -> None:
    assert _names(ranker, "sleep", _vector("wine", 50))[0] == "wine"


def test_a_text_that_is_near_nothing_has_low_scores(ranker: Ranker) -> None:
    near = ranker.rank("is wine allowed", _vector("wine", 1))[0].score
    far = ranker.rank("zzz", NEUTRAL)[0].score
    assert far < near / 2


def test_every_label_is_ranked_once_highest_first_and_finite(ranker: Ranker) -> None:
    for text in ("", "wine", "x" * 5000, "😀 \ud800"):
        ranking = ranker.rank(text, _vector("car"))
        scores = [ranked.score for ranked in ranking]
        assert sorted(ranked.label for ranked in ranking) == ["car", "sleep", "wine"]
        assert scores == sorted(scores, reverse=True)
        assert np.isfinite(scores).all()


def test_scores_stand_in_the_order_of_the_labels(ranker: Ranker) -> None:
    scores = ranker.scores("is wine allowed", _vector("wine"))
    assert ranker.labels == ("car", "sleep", "wine")
    assert int(np.argmax(scores)) == 2


def test_a_label_with_many_examples_does_not_win_by_their_number() -> None:
    texts = [*TEXTS, *(f"what about thing number {n}" for n in range(40))]
    labels = [*LABELS, *["sleep"] * 40]
    vectors = np.stack([*VECTORS, *(_vector("sleep", n % 50) for n in range(40))])
    ranker = Ranker.fit(texts, vectors, labels)
    assert ranker.rank("can i drink wine", _vector("wine"))[0].label == "wine"
    assert ranker.rank("can i drive a car", _vector("car"))[0].label == "car"


def test_two_fits_on_the_same_data_are_identical(ranker: Ranker, tmp_path: Path) -> None:
    again = Ranker.fit(list(TEXTS), VECTORS.copy(), list(LABELS), min_texts=2)
    for text in (*TEXTS, "something else"):
        assert np.array_equal(ranker.scores(text, NEUTRAL), again.scores(text, NEUTRAL))
        assert np.array_equal(ranker.scores(text, _vector("car", 7)), again.scores(text, _vector("car", 7)))
    files = []
    for number, made in enumerate((ranker, again)):
        (tmp_path / str(number)).mkdir()
        made.save(tmp_path / str(number))
        files.append({file.name: file.read_bytes() for file in (tmp_path / str(number)).iterdir()})
    assert files[0] == files[1]


def test_a_loaded_ranker_ranks_exactly_as_the_saved_one(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    loaded = Ranker.load(tmp_path)
    assert loaded.labels == ranker.labels
    for text in (*TEXTS, "wine or car", "zzz", ""):
        for vector in (NEUTRAL, _vector("sleep", 3)):
            assert loaded.rank(text, vector) == ranker.rank(text, vector)


def test_nothing_is_pickled(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".npy"}
    assert all(np.load(file, allow_pickle=False).dtype != object for file in tmp_path.glob("*.npy"))


def test_saving_a_loaded_ranker_writes_the_same_arrays(ranker: Ranker, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    ranker.save(first)
    Ranker.load(first).save(second)
    one, other = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in (first, second))
    assert one == other


@pytest.mark.parametrize("labels", [[], ["wine"] * len(TEXTS)])
def test_fewer_than_two_labels_are_an_error(labels: list[str]) -> None:
    with pytest.raises(ValueError, match=r"needs at least two labels, got \["):
        Ranker.fit(TEXTS[: len(labels)], VECTORS[: len(labels)], labels)
