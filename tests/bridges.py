"""The programs of the page that sets the book beside PyTorch and JAX, and what they leave."""

import json
import math
import tomllib
from pathlib import Path

DATA = Path(__file__).parents[1] / "book/data"
BRIDGE = tomllib.loads((DATA / "bridge.toml").read_text(encoding="utf-8"))
ENTRIES = {entry["title"]: entry for entry in BRIDGE["entry"]}
RECORD = DATA / "bridge.json"


def plain(value):
    """A result in JSON's kinds of value; no number is the text nan."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def outcome(side, entry):
    """What a program of one side leaves, or the class of the error that stops it."""
    names: dict = {}
    try:
        exec(BRIDGE["before"][side] + entry[side], names)
    except Exception as error:
        return type(error).__name__
    return plain(names["result"])


def recorded():
    return json.loads(RECORD.read_text(encoding="utf-8"))
