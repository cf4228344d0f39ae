"""A hundred first programs of readers who come from PyTorch, JAX and HIPS autograd: each runs, or is answered with what to
write, and that runs. They stand in a data file, from which a page of the book is made as well."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

DATA = tomllib.loads((Path(__file__).parents[1] / "book/data/first_programs.toml").read_text(encoding="utf-8"))
PROGRAMS = {f"{p['from']}: {p['title']}": p for p in DATA["program"]}


def run(code):
    names: dict = {}
    exec(DATA["before"] + code, names)
    return names.get("result")


def numbers(value):
    return np.concatenate([np.ravel(part) for part in value]) if isinstance(value, tuple) else np.asarray(value, float)


@pytest.mark.parametrize("title", [t for t in PROGRAMS if "answer" in PROGRAMS[t]])
def test_a_first_program_that_cannot_run_is_answered_with_what_to_write(title) -> None:
    with pytest.raises(Exception) as caught:
        run(PROGRAMS[title]["code"])
    error = caught.value
    answer = " ".join(map(str, (error, *getattr(error, "__notes__", ()), error.__cause__ or "")))
    assert [words for words in PROGRAMS[title]["answer"] if words not in answer] == [], answer


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_first_program_or_what_its_answer_says_gives_the_number_that_arithmetic_gives(title) -> None:
    program = PROGRAMS[title]
    found = run(program.get("write", program["code"]))
    np.testing.assert_allclose(numbers(found), np.asarray(eval(program["result"], {"np": np}), float), rtol=1e-6, atol=1e-7)


def test_there_are_a_hundred_and_no_two_alike() -> None:
    assert len(DATA["program"]) == len(PROGRAMS) == len({p["code"] for p in DATA["program"]}) >= 100
