"""The digits: the file is what its note says, and a split loses nothing."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest

import autograd_book as ab
from autograd_book.learn.digits import Digits, load_digits, split_digits

DIGITS = load_digits()


def raw():
    with (files("autograd_book.learn") / "digits.npz").open("rb") as file:
        arrays = np.load(file)
        return arrays["images"], arrays["labels"]


def test_there_are_1797_images_of_64_pixels_between_paper_and_ink():
    assert DIGITS.images.shape == (1797, 64) and DIGITS.images.dtype == np.float32
    assert (DIGITS.images.min(), DIGITS.images.max()) == (0.0, 1.0)
    assert DIGITS.labels.shape == (1797,) and DIGITS.labels.dtype == np.int64
    assert set(DIGITS.labels.tolist()) == set(range(10))


def test_the_file_has_the_checksum_that_stands_beside_it_with_source_and_licence():
    note = (files("autograd_book.learn") / "digits.txt").read_text(encoding="utf-8")
    images, labels = raw()
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() in note
    assert "CC BY 4.0" in note and "10.24432/C50P49" in note and "Alpaydin" in note


def test_the_file_is_small_and_holds_bytes():
    images, labels = raw()
    assert images.dtype == labels.dtype == np.uint8
    assert len((files("autograd_book.learn") / "digits.npz").read_bytes()) < 50_000


def test_it_equals_the_copy_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    np.testing.assert_array_equal(DIGITS.images * 16, theirs.data)
    np.testing.assert_array_equal(DIGITS.labels, theirs.target)


def test_each_call_gives_fresh_arrays():
    load_digits().images[:] = -1.0
    assert load_digits().images.min() == 0.0


def test_the_face_shows_the_digits():
    assert ab.load_digits is load_digits


# Splitting


def pairs(digits):
    return sorted((image.tobytes(), int(label)) for image, label in zip(*digits, strict=True))


def test_a_split_keeps_every_image_with_its_label_exactly_once():
    seen, unseen = split_digits(DIGITS)
    assert sorted(pairs(seen) + pairs(unseen)) == pairs(DIGITS)


@pytest.mark.parametrize(("held_out", "count"), [(0.2, 359), (0.5, 898), (1 / 1797, 1)])
def test_the_held_out_part_has_the_size_asked_for(held_out, count):
    seen, unseen = split_digits(DIGITS, held_out)
    assert (len(seen.labels), len(unseen.labels)) == (1797 - count, count)


def test_seeds_determine_the_split():
    same, again, other = (split_digits(DIGITS, seed=seed)[1].images for seed in (0, 0, 1))
    np.testing.assert_array_equal(same, again)
    assert (same != other).any()


def test_a_split_shuffles_and_leaves_the_original_alone():
    before = DIGITS.labels.copy()
    seen, unseen = split_digits(DIGITS)
    seen.images[:], unseen.images[:] = 9.0, 9.0
    np.testing.assert_array_equal(DIGITS.labels, before)
    assert DIGITS.images.max() == 1.0
    assert (unseen.labels != DIGITS.labels[: len(unseen.labels)]).any()


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.5, 20, 1e-9])
def test_a_split_with_an_empty_part_is_refused(held_out):
    with pytest.raises(ab.DifferentiationValueError, match="some of both"):
        split_digits(DIGITS, held_out)


def test_take_picks_the_same_rows_of_both():
    taken = DIGITS.take(np.array([5, 0]))
    assert isinstance(taken, Digits) and taken.labels.tolist() == DIGITS.labels[[5, 0]].tolist()
    np.testing.assert_array_equal(taken.images, DIGITS.images[[5, 0]])
