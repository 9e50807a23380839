"""The encoder's adaptation: small, fitting the weights, and added the same way on every machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.encoder import SentenceEncoder, weights

SHAPES = {
    "attention.self.query": (384, 384),
    "attention.self.key": (384, 384),
    "attention.self.value": (384, 384),
    "attention.output.dense": (384, 384),
    "intermediate.dense": (1536, 384),
    "output.dense": (384, 1536),
}


@pytest.fixture
def thin(tmp_path: Path) -> Path:
    """An adaptation of one layer of two by three, of rank two."""
    up, down = [[1, 0], [2, 1]], [[1, 2, 3], [0, 0, -1]]
    file = tmp_path / "adaptation.npz"
    np.savez(file, **{"a.up": np.array(up, np.float16), "a.down": np.array(down, np.float16)})
    return file


def test_the_product_of_the_thin_matrices_is_added_to_the_weights(thin: Path) -> None:
    before = {"a.weight": np.ones((2, 3), np.float32), "a.bias": np.ones(2, np.float32)}
    after = weights.merge(before, thin)
    assert after["a.weight"].tolist() == [[2, 3, 4], [3, 5, 6]]
    assert after["a.weight"].dtype == np.float32
    assert after["a.bias"] is before["a.bias"]
    assert before["a.weight"].tolist() == np.ones((2, 3)).tolist()


def test_an_adaptation_of_another_network_is_refused(thin: Path) -> None:
    with pytest.raises(KeyError):
        weights.merge({"b.weight": np.ones((2, 3), np.float32)}, thin)


def test_the_adaptation_fits_the_encoder_and_is_small() -> None:
    assert weights.ADAPTATION.stat().st_size < 1e6
    with np.load(weights.ADAPTATION, allow_pickle=False) as thin:
        names = {key.rpartition(".")[0] for key in thin.files}
        assert len(thin.files) == 2 * len(names)
        for name in names:
            _, _, layer, part = name.split(".", 3)
            up, down = thin[f"{name}.up"], thin[f"{name}.down"]
            assert 0 <= int(layer) < 6
            assert (up.shape[0], down.shape[1]) == SHAPES[part]
            assert up.shape[1] == down.shape[0]
            assert up.dtype == down.dtype == np.float16
            assert np.isfinite(up).all()
            assert np.isfinite(down).all()


def test_the_encoder_in_use_is_the_adapted_one() -> None:
    golden = json.loads(weights.ADAPTATION.with_name("golden.json").read_text(encoding="utf-8"))
    encoder = SentenceEncoder.load(Path("var/encoder"))
    for text, head in golden.items():
        ours, known = encoder.encode(text)[: len(head)], np.asarray(head)
        assert ours @ known / (np.linalg.norm(ours) * np.linalg.norm(known)) > 0.97
