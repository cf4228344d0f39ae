"""What is kept of a run, in figures: the table that is printed, and the record from which a page of the book is made."""

import importlib.metadata
import importlib.util
import inspect
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from compared.engines import ENGINES
from compared.turns import Column, Outcome, Times
from compared.workloads import WORKLOADS

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "autograd", "mygrad")
CLOCKS = ("wall", "processor")


def spread(numbers: list[float]) -> list[float]:
    """Lower quartile, median and upper quartile."""
    return [float(f"{v:.4g}") for v in statistics.quantiles(numbers, n=4, method="inclusive")]


def ratios(times: dict[str, list[Times]], column: str, clock: str) -> list[float]:
    """To the step by hand, in the same round."""
    unit = times[Column(column).unit]
    return [t[clock] / u[clock] for t, u in zip(times[column], unit, strict=True)]


def figures(name: str, found: Outcome) -> dict[str, Any]:
    """Of a workload, by column: milliseconds of a step, ratios, and what else was found out."""
    count, columns = WORKLOADS[name].operations, {}
    for column, times in found.times.items():
        here: dict[str, Any] = {"rounds": len(times)}
        for clock in CLOCKS:
            here[clock] = {"ms": spread([1e3 * t[clock] for t in times]), "ratio": spread(ratios(found.times, column, clock))}
            if count:
                here[clock]["us an operation"] = spread([1e6 * t[clock] / count for t in times])
        here["page faults"] = round(statistics.median(t["faults"] for t in times))
        here["first step, s"] = float(f"{found.first[column]:.3g}")
        if column in found.bytes:
            here["bytes above parameters and data"] = found.bytes[column]
        columns[column] = here
    return {"about": WORKLOADS[name].about, "operations": count, "columns": columns, "left out": found.left_out}


def line(name: str, kept: dict[str, Any], columns: list[str], clock: str) -> str:
    """Of the table that is printed: medians and quartiles of ratios; of a chain, microseconds of an operation."""
    what = "us an operation" if kept["operations"] else "ratio"
    cells = ""
    for column in columns[1:]:
        low, middle, high = kept["columns"][column][clock][what] if column in kept["columns"] else (0.0, 0.0, 0.0)
        cells += f"{f'{middle:.2f} ({low:.2f}-{high:.2f})' if middle else '-':>20}"
    return f"{name:3} {kept['about']:34} {kept['columns']['by hand'][clock]['ms'][1]:8.3f} ms{cells}"


def machine() -> dict[str, Any]:
    """What a reader of the numbers wants to know, and nothing that tells whose machine it is."""
    # before NumPy 1.26 it could not be asked
    told = inspect.signature(np.show_config).parameters
    config = np.show_config(mode="dicts") if "mode" in told else {}
    blas = config.get("Build Dependencies", {}).get("blas", {})
    simd = config.get("SIMD Extensions", {})
    return {
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "simd": [*simd.get("baseline", []), *simd.get("found", [])],
        "caches": caches(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "library": " ".join(platform.libc_ver()).strip(),
        "python": platform.python_version(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "compiler": compiler(),
        "packages": {n: importlib.metadata.version(n) for n in PACKAGES if importlib.util.find_spec(n)},
    }


def processor() -> str:
    """Its model."""
    info = Path("/proc/cpuinfo")
    lines = dict(part.split(":", 1) for part in info.read_text().splitlines() if ":" in part) if info.exists() else {}
    found = {key.strip(): value.strip() for key, value in lines.items()}
    model = found.get("model name") or platform.processor() or platform.machine()
    return f"{model}, family {found['cpu family']}, model {found['model']}" if "cpu family" in found else model


def caches() -> dict[str, str]:
    """Sizes by level and kind, of one core."""
    found = {}
    for place in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((place / part).read_text().strip() for part in ("level", "type", "size"))
        found[f"L{level} {kind.lower()}" if kind != "Unified" else f"L{level}"] = size
    return found


def compiler() -> str:
    """The first line that the system's compiler says of itself."""
    if not (found := shutil.which("cc")):
        return "none"
    return subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.partition("\n")[0]


def written(kept: Any) -> str:
    """As JSON, with a list of numbers in one line, so that two records can be held against each other."""
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def record(runs: dict[str, dict[str, Any]], options: dict[str, Any], missing: dict[str, str], loads: list[float]) -> dict[str, Any]:
    """All of it."""
    return {
        "about": "Times of training steps beside other engines. Made by `make bench-record`; not to be edited.",
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "load": {"before": loads[0], "after": loads[1]},
        "options": options,
        "columns": {name: engine.about for name, engine in ENGINES.items()},
        "missing": missing,
        "workloads": {name: workload.about for name, workload in WORKLOADS.items()},
        "threads": runs,
    }
