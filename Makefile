# Everything a developer runs. `make` or `make help` lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# What was compiled is kept, whatever is set outside: tests start hundreds of processes that import the package.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# What runs before every commit: all that needs no database, and the heart of what does. Chosen by measurement.
FAST := tests/unit tests/architecture $(patsubst %,tests/database/test_%.py,documents events find_pages labels)
# A process a core and one more, since they wait a lot, each with a server of its own; a file's tests share one.
# In the order in which tests/conftest.py puts them: the longest first.
PYTEST := $(BIN)/python -m pytest --numprocesses $(shell expr $$(nproc) + 1) --maxprocesses 8 --dist loadfile \
	--no-loadscope-reorder

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/octavo.stamp ## Set up .venv with Octavo in it: .venv/bin/octavo

.PHONY: demo
demo: setup ## Show Octavo working on example files, or on yours: make demo DOCS=/some/folder
	$(BIN)/octavo demo $(if $(DOCS),"$(DOCS)")

# The tests are as many processes as there are cores: threads of linear algebra would only wait for each other.
test-fast test prove: export OPENBLAS_NUM_THREADS := 1
test-fast test prove: export OMP_NUM_THREADS := 1

.PHONY: test-fast
test-fast: $(VENV)/dev.stamp pgbouncer ## Tests of every commit, about a minute
	$(PYTEST) $(FAST)

.PHONY: test
test: $(VENV)/dev.stamp pgbouncer ## All tests, about twelve minutes on two cores: what CI runs
	$(PYTEST)

.PHONY: prove
prove: $(VENV)/dev.stamp pgbouncer ## Long, seeded proofs (kills, endurance); writes docs/proof.md. SEED=n repeats a run
	$(BIN)/python -m tools.prove $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(VENV)/bench.stamp ## Measure against the limit and the peers; writes docs/benchmarks.md. NAMES="documents runs"
	$(BIN)/python -m benchmarks --keep $(NAMES)

.PHONY: growth
growth: $(VENV)/bench.stamp ## Measure what more documents, organizations and callers cost; writes docs/growth.md. DOCUMENTS=n
	$(BIN)/python -m benchmarks.growth $(if $(DOCUMENTS),--documents $(DOCUMENTS))

.PHONY: endurance
endurance: $(VENV)/bench.stamp ## Execute 10,000,000 runs, ten minutes of them with a snapshot held; writes docs/endurance.md. RUNS=n
	$(BIN)/python -m benchmarks.endurance $(if $(RUNS),--runs $(RUNS))

.PHONY: storage
storage: $(VENV)/bench.stamp ## Try how the record is stored: room in pages, vacuum, compression; writes docs/storage.md
	$(BIN)/python -m benchmarks.storage

.PHONY: quality
quality: $(VENV)/bench.stamp ## Judge what searches find by what documentation says of itself; writes docs/quality.md
	$(BIN)/python -m benchmarks.quality

# Each a target of its own, so that `make -k check` shows everything that is wrong at once.
CHECKS := check-format check-lint check-types check-imports check-dependencies check-house
.PHONY: check $(CHECKS)
check: $(CHECKS) ## Style, types, imports, dependencies and the shape of the house
$(CHECKS): $(VENV)/dev.stamp
check-format:
	$(BIN)/ruff format --check --output-format concise .
check-lint:
	$(BIN)/ruff check --output-format concise .
check-types:
	$(BIN)/mypy
check-imports: # without its cache, which reads imports of modules that come later wrong
	$(BIN)/lint-imports --no-cache
check-dependencies:
	$(BIN)/deptry octavo
check-house:
	$(BIN)/python -m tools.house

.PHONY: format
format: $(VENV)/dev.stamp ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

.PHONY: docs
docs: $(VENV)/dev.stamp ## Write the reference pages and the coverage of the requirements
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.requirements

.PHONY: constraints
constraints: ## Resolve the newest versions of all dependencies into constraints.txt
	tools/resolve-constraints

.PHONY: clean
clean: ## Remove the virtual environment, caches and what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: pgbouncer
pgbouncer:
	@tools/install-pgbouncer

$(VENV)/made.stamp:
	tools/make-venv $(VENV)
	@touch $@

$(VENV)/octavo.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt
	$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/octavo.stamp
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/bench.stamp: $(VENV)/octavo.stamp
	$(PIP) --editable '.[bench]'
	@touch $@
