"""Exercises that answer for themselves: ``%run ../_style/exercise.py``.

It leaves `caught` in the chapter's namespace: it shows what a check says of a planted mistake.
"""


def caught(check, attempt):
    """What a check says of a wrong attempt; it is an error if it says nothing."""
    try:
        check(attempt)
    except Exception as error:
        first = str(error).partition("\n")[0]
        return f"{attempt.__name__}: {first or type(error).__name__}"
    raise AssertionError(f"the check lets {attempt.__name__} pass")
