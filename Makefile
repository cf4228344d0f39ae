# Two commands matter: `make book` and `make test`. `make help` lists the others.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python

# The environment remembers the folder it was made in: a checkout that moved gets a new one.
PLACE := $(shell pwd | cksum | cut -d' ' -f1)
PACKAGES := $(VENV)/.packages-$(PLACE)
ENV := $(VENV)/.ready-$(PLACE)
FLOOR := $(VENV)-floor/.ready-$(PLACE)
ORACLE := $(VENV)-oracle/.ready-$(PLACE)
PEERS := $(VENV)-peers/.ready-$(PLACE)
BUILT := _build/.built
SEEN := _build/.seen

# What the pages depend on. When none of it changed, `make book` has nothing to do.
SOURCES := _config.yml $(shell find book src \( -name __pycache__ -o -name .ipynb_checkpoints -o -name '*.egg-info' \) -prune -o -type f -print)

EXTRACT := $(PY) src/autograd_book/literate/extract.py extract
CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python %d.%d is too old. Give a newer one: make PYTHON=python3.11" % sys.version_info[:2])'

# One process for each core, each with one thread.
SPREAD := -n auto --maxprocesses 4 --dist worksteal
test test-quick test-floor: export OPENBLAS_NUM_THREADS := 1

# What a shell has set for other projects stays outside.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV MPLBACKEND JUPYTER_PATH
export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help book site page test test-quick serve bench bench-record extract clean distclean test-floor test-oracle lock forget

help:
	@echo "make book        build the site in _build/html, executing the chapters whose outputs are stale, and look at what changed with a browser"
	@echo "                 FRESH=1 executes every chapter"
	@echo "make site        the same without the browser"
	@echo "make page        one chapter in its full style, FILE=book/rules/scans.md"
	@echo "make serve       build the site, serve it on 127.0.0.1:$(PORT), and build and reload when a source changes"
	@echo "make test        stale-package check, ruff, mypy, pytest"
	@echo "make test-quick  of these tests, those that name what was changed since the last commit but one; SINCE=main says since when"
	@echo "make extract     write src/ from the chapters"
	@echo "make bench       run the benchmarks beside other engines, in an environment of their own"
	@echo "make bench-record  measure all engines in under eight minutes, for the page of the book that shows them"
	@echo "make test-floor  run the tests with the oldest NumPy supported"
	@echo "make test-oracle compare gradients with PyTorch's, in an environment of its own"
	@echo "make lock        pin the requirement files anew"
	@echo "make clean       remove what was built; make distclean: the environments too"

$(PACKAGES): requirements/dev.txt
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet -r requirements/dev.txt
	@touch $@

$(ENV): $(PACKAGES) pyproject.toml
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

extract: $(ENV)
	@$(EXTRACT)

test: $(ENV)
	$(EXTRACT) --check
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -m "not site" $(SPREAD)

# What the changes since a commit, and those not yet committed, can break nearest to them.
SINCE ?= HEAD~1
test-quick: $(ENV)
	$(EXTRACT) --check
	$(PY) -m ruff check .
	$(PY) -m pytest -m "not site" --since "$(SINCE)" $(SPREAD)

# The chapters whose outputs are stale are executed, the pages that show something new are written, and a browser looks at the site.
# What a browser complains of is looked at again by the next `make book`, without a build; what it found good, when it has changed.
book: site
	@$(MAKE) --no-print-directory FRESH= $(SEEN)
	@echo "The book is ready. Open file://$(CURDIR)/_build/html/index.html or type: make serve"

site: extract
	@$(MAKE) --no-print-directory $(BUILT)

ifdef FRESH
$(BUILT): forget
forget:
	rm -rf _build
endif

CONFIGURED = --config "$(CURDIR)/_config.yml" --toc

# The mark bears the time at which the build began: what is written meanwhile is newer.
$(BUILT): $(ENV) $(SOURCES)
	@mkdir -p _build && touch _build/.begun
	$(VENV)/bin/jupyter-book build -W -n --keep-going --path-output "$(CURDIR)" $(CONFIGURED) "$(CURDIR)/book/_toc.yml" book
	@mv _build/.begun $@

$(SEEN): $(BUILT) $(wildcard tests/site/*.py)
	$(PY) -m pytest tests/site/test_built_*.py --unseen $(SPREAD)
	@touch $@

# A contents file of the page and the lists that it refers to. Links to other chapters stay dead.
page: extract
	@test -f "$(FILE)" || { echo "There is no $(FILE). Name a chapter: make page FILE=book/rules/scans.md"; exit 1; }
	@mkdir -p _build/page
	@printf 'format: jb-book\nroot: %s\nchapters:\n- file: glossary\n- file: references\n' "$(patsubst book/%.md,%,$(FILE))" > _build/page/_toc.yml
	@$(VENV)/bin/jupyter-book build --path-output "$(CURDIR)/_build/page" $(CONFIGURED) "$(CURDIR)/_build/page/_toc.yml" book
	@echo "Open file://$(CURDIR)/_build/page/_build/html/$(patsubst book/%.md,%,$(FILE)).html"

serve: site
	$(PY) book/_ext/serve.py _build/html $(PORT) $(MAKE) --no-print-directory site

# The engines that ours is measured beside. Without them a benchmark leaves their columns out: $(PY) benchmarks/peers.py.
$(PEERS): requirements/peers.txt
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv --clear $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet -r requirements/peers.txt
	@touch $@

bench: $(PEERS)
	@for file in benchmarks/*.py; do echo "== $$file"; PYTHONPATH=src $(VENV)-peers/bin/python "$$file" || exit 1; done

# Changes one file, book/data/peers.json, and the page follows. Wants a machine that does nothing else.
bench-record: $(PEERS)
	@PYTHONPATH=src $(VENV)-peers/bin/python benchmarks/peers.py --record

$(FLOOR): requirements/floor.txt
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv --clear $(VENV)-floor
	$(VENV)-floor/bin/python -m pip install --quiet -r requirements/floor.txt
	@touch $@

test-floor: $(FLOOR)
	PYTHONPATH="$(CURDIR)/src" $(VENV)-floor/bin/python -m pytest -m "not site" $(SPREAD) --ignore tests/site --ignore tests/literate --ignore tests/test_package.py

# PyTorch is asked for its opinion and never needed: it has an environment of its own.
$(ORACLE): requirements/oracle.txt
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv --clear $(VENV)-oracle
	$(VENV)-oracle/bin/python -m pip install --quiet -r requirements/oracle.txt
	@touch $@

test-oracle: $(ORACLE)
	PYTHONPATH="$(CURDIR)/src" $(VENV)-oracle/bin/python -m pytest tests/oracle

PIN = CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
EXTRAS := --extra book --extra plot --extra precision --extra progress

lock: $(ENV)
	$(PIN) $(EXTRAS) --extra dev -o requirements/dev.txt pyproject.toml requirements/platforms.in
	$(PIN) $(EXTRAS) -c requirements/dev.txt -o requirements/book.txt pyproject.toml requirements/platforms.in
	$(PIN) -o requirements/floor.txt requirements/floor.in

clean:
	rm -rf _build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find book src tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf $(VENV) $(VENV)-floor $(VENV)-oracle $(VENV)-peers
