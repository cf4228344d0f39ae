"""Serves the built site, builds it again when a source changes, and reloads the pages that are open: `make serve`."""

import subprocess
import sys
from pathlib import Path

from livereload import Server

SOURCES = ("_config.yml", "book/**/*.md", "book/*.md", "book/*.yml", "book/*.bib", "book/_*/*")


def main(site, port, *build):
    """Serve a folder on a port of this machine; the rest of the command line builds it."""
    server = Server()
    for pattern in SOURCES:
        server.watch(pattern, lambda: subprocess.run(build).returncode)  # A build that fails leaves the pages as they are.
    server.serve(host="127.0.0.1", port=int(port), root=Path(site))


if __name__ == "__main__":
    main(*sys.argv[1:])
