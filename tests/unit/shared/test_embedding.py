"""The bundled model against the library that ships it, which is the reference."""

from __future__ import annotations

import json
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from shared.content import clean_text
from shared.embedding.files import ModelFiles, bundled_files
from shared.embedding.pieces import PieceTokenizer
from shared.embedding.static_model import StaticModel

SPECIMENS = [
    "Hello world",
    "  leading and   inner    spaces, trailing  ",
    "line\nbreaks\r\n\r\n\tand\ttabs \x0b\x0c",
    "def f(x: int) -> int:\n    return x ** 2  # comment\n",
    "| a | b |\n|---|---|\n| 1.50 | 2,000 |",
    "https://example.org/a/b?c=d&e=%20#f",
    "Grüße aus Köln; naïve café, “quoted”… – dashes — and ½",
    "Русский текст, 日本語のテキスト。한국어 العربية עברית",
    "emoji 👩‍👩‍👧 🏳️‍🌈 and \ue000 private use",
    "control tokens <s> in </s>text<unk> and <s></s>, nearly: < s> <S> </ s>",
    "a literal \u2581 mark \u2581\u2581 of the vocabulary",
    "12345678901234567890 0x1F 3.14159",
    "x" * 3000,
    "word " * 900,
]

any_text = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [" ", "  ", "\n", "\u2581", "<s>", "</s>", "<unk>", "<", "é", "...", "9", "the", "日本"]
        ),
    ),
    max_size=20,
).map("".join)


@pytest.fixture(scope="module")
def reference() -> Any:
    """The library itself; importing it configures the root logger, which is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import wordllama  # noqa: PLC0415  (its import has the side effect above)

    root.handlers[:] = handlers
    root.setLevel(level)
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)


@pytest.fixture(scope="module")
def model() -> StaticModel:
    return StaticModel(bundled_files(), resident=True, cache_bytes=1_000_000)


@pytest.fixture(scope="module")
def whole_texts() -> Tokenizer:
    return Tokenizer.from_file(str(bundled_files().tokenizer))


def test_vectors_equal_those_of_the_library(reference: Any, model: StaticModel) -> None:
    expected = np.concatenate([reference.embed(text, norm=True) for text in SPECIMENS])

    np.testing.assert_allclose(model.encode(SPECIMENS), expected, atol=2e-6)


def test_mapped_weights_give_the_same_vectors(model: StaticModel) -> None:
    mapped = StaticModel(bundled_files(), resident=False, cache_bytes=0)

    np.testing.assert_array_equal(mapped.encode(SPECIMENS), model.encode(SPECIMENS))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=any_text)
def test_pieces_give_the_tokens_of_the_whole_text(
    text: str, whole_texts: Tokenizer, model: StaticModel
) -> None:
    text = clean_text(text)
    expected = whole_texts.encode(text, add_special_tokens=False).ids

    (ids,) = model._tokenizer.encode([text])

    assert ids.tolist() == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(any_text, max_size=5))
def test_every_vector_has_length_one_and_depends_on_its_text_alone(
    texts: list[str], model: StaticModel
) -> None:
    together = model.encode(texts)
    alone = [model.encode([text])[0] for text in texts]

    assert together.shape == (len(texts), 256)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    for row, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize("text", ["", "\x00", "\ud800"])
def test_a_text_without_tokens_gets_the_first_unit_vector(model: StaticModel, text: str) -> None:
    (vector,) = model.encode([text])

    assert vector[0] == 1.0
    assert not vector[1:].any()


def test_a_small_cache_forgets_and_stays_right(whole_texts: Tokenizer) -> None:
    tokenizer = PieceTokenizer(bundled_files().tokenizer, cache_bytes=2_000)
    rng = random.Random(1)
    words = [f"w{number:x}" for number in range(400)]

    for _ in range(50):
        text = " ".join(rng.choices(words, k=10)) + " <s>"
        (ids,) = tokenizer.encode([text])
        assert ids.tolist() == whole_texts.encode(text, add_special_tokens=False).ids
        assert len(tokenizer._known_pieces) < 60


def test_a_vocabulary_that_crosses_pieces_is_refused(tmp_path: Path) -> None:
    whole = json.loads(bundled_files().tokenizer.read_text(encoding="utf-8"))
    vocabulary = whole["model"]["vocab"]
    vocabulary["e\u2581th"] = vocabulary.pop(max(vocabulary, key=vocabulary.__getitem__))
    crossing = tmp_path / "tokenizer.json"
    crossing.write_text(json.dumps(whole), encoding="utf-8")

    with pytest.raises(ValueError, match="crosses"):
        PieceTokenizer(crossing, cache_bytes=1000)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no safetensors header"),
        (b"\xff" * 100, "no safetensors header"),
        (b"\x02\0\0\0\0\0\0\0{}", "not a single float16 matrix"),
    ],
)
def test_broken_weights_are_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(content)
    files = ModelFiles(name="broken", weights=weights, tokenizer=bundled_files().tokenizer)

    with pytest.raises(ValueError, match=complaint):
        files.map_weights()


def test_the_fingerprint_follows_the_weights(tmp_path: Path) -> None:
    files = bundled_files()
    weights = tmp_path / "weights"
    weights.write_bytes(files.weights.read_bytes()[:-2] + b"\0\0")

    changed = ModelFiles(name=files.name, weights=weights, tokenizer=files.tokenizer)

    assert changed.fingerprint() != files.fingerprint()
    assert files.fingerprint() == bundled_files().fingerprint()
