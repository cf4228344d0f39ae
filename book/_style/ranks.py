"""Programs that run on several ranks: ``%run ../_style/ranks.py``.

It leaves ``show`` and ``measured`` in the chapter's namespace: they start the text of a program by MPI, and say in one
sentence where none is installed. A page is not to fail because of that.
"""

import json

from autograd_book.scale.processes import launched, starter
from autograd_book.scale.world import RankError

MISSING = "No MPI was found on the machine that built this page, so the program was not started."


def show(size, program, only="", limit=60.0):
    """Print what a program prints on so many ranks: all of it, or each line that contains some text once."""
    if starter() is None:
        print(MISSING)
        return
    try:
        printed = launched(size, program, limit=limit)
    except RankError as error:
        printed = str(error)
    lines = printed.strip().split("\n")
    print("\n".join(sorted({line for line in lines if only in line}) if only else lines))


def measured(size, program, otherwise, limit=60.0):
    """What a program prints as JSON in its last line, or something else where there is no MPI."""
    if starter() is None:
        print(MISSING)
        return otherwise
    return json.loads(launched(size, program, limit=limit).strip().split("\n")[-1])
