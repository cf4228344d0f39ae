"""A training run that saves after each step, goes on from what it finds, and can have one of its ranks killed: resumed_run.py FILE STEPS KILLED_IN."""

import os
import signal
import sys
from pathlib import Path

from same_numbers import mlp, rows_of

import autograd_book as ab
from autograd_book.scale.data_parallel import averaging
from autograd_book.scale.processes import world

path, steps, killed_in = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
network, loss = mlp()
optimizer, step = ab.optim.Adam(network.parameters(), lr=1e-2), 0
with world(limit=60.0) as ranks:
    if path.exists():
        step = ab.load(path, network=network, optimizer=optimizer)["step"]
    while step < steps:
        optimizer.zero_grad()
        rows = rows_of(ranks)
        with averaging(ranks, network.parameters(), len(rows), 300):
            if len(rows):
                loss(rows).backward()
            if step == killed_in and ranks.rank == ranks.size - 1:
                os.kill(os.getpid(), signal.SIGKILL)
        optimizer.step()
        step += 1
        if ranks.rank == 0:
            ab.save(path, network=network, optimizer=optimizer, step=step)
