# Everything is built and installed into git-ignored folders of this project: .venv, native_rs/target, dist, .cache.
# Needed beforehand: Python 3.11 or newer and a Rust toolchain; for the tests Node 20 and Go 1.24 or newer, too. Nothing is fetched again once it is there.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3 || echo python3)
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
CARGO := cargo --quiet
MANIFEST := --manifest-path native_rs/Cargo.toml --locked
SUPERVISOR := native_rs/data/scripts/sidecar-supervisor
RUST_SOURCES := native_rs/Cargo.toml native_rs/Cargo.lock $(wildcard native_rs/build.rs) $(shell find native_rs/src -name '*.rs' 2>/dev/null)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Another environment of the person who types `make` must not become the place where things go.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export CARGO_TARGET_DIR := $(CURDIR)/native_rs/target
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport CONDA_PREFIX CARGO_BUILD_TARGET PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: needs-node needs-go help run test test-long check lint types layers rust-lint stub current format bench wheel clean build docs needs-python needs-rust
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-16s %s\n", $$1, $$2}'

run: build ## build, start the daemon and show a short tour; the daemon keeps running
	@$(BIN)/sidecar start </dev/null
	@$(BIN)/python .ci/tour.py

build: $(STAMPS)/native $(STAMPS)/run ## the native module, the supervisor and the `sidecar` command, in .venv

test: build $(STAMPS)/test $(STAMPS)/servers ## all tests: Rust, then Python; the last line is pytest's summary
	$(CARGO) test $(MANIFEST) --release --features structural
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup || { echo "These failed beside others; once more, alone:"; $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; }

test-long: build $(STAMPS)/test $(STAMPS)/servers .cache/bin/rust-analyzer ## the same with many more random examples and the slow rows
	$(CARGO) test $(MANIFEST) --release --features structural
	SIDECAR_TEST_LONG=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --timeout 1800

check: lint types layers rust-lint stub current ## lint, types, layers, Rust lint and format, stub against binary, generated documents

lint: $(STAMPS)/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMPS)/check
	$(BIN)/mypy

layers: $(STAMPS)/check
	$(BIN)/lint-imports --no-logo

rust-lint: needs-rust $(STAMPS)/check
	$(CARGO) fmt --manifest-path native_rs/Cargo.toml --check
	$(CARGO) clippy $(MANIFEST) --release --all-targets -- -D warnings
	$(CARGO) clippy $(MANIFEST) --release --all-targets --features python -- -D warnings

stub: build $(STAMPS)/check
	$(BIN)/python -m mypy.stubtest sidecar._native

current: build
	$(BIN)/python .ci/notices.py --check
	$(BIN)/python .ci/protocol.py --check
	$(BIN)/python .ci/features.py

format: $(STAMPS)/check ## put Python and Rust sources into the one format
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .
	$(CARGO) fmt --manifest-path native_rs/Cargo.toml

docs: build ## write the generated documents again (docs/protocol.md, THIRD_PARTY_NOTICES.md)
	$(BIN)/python .ci/notices.py
	$(BIN)/python .ci/protocol.py

bench: build $(STAMPS)/test $(STAMPS)/servers ## the measured rows, as ratios in one run; writes docs/benchmarks.md
	$(BIN)/python -m tests.bench

wheel: $(SUPERVISOR) $(STAMPS)/build-tools ## one wheel for this platform, in dist/
	$(BIN)/maturin build --release --locked --out dist
	@ls -1 dist/*.whl

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) native_rs/target native_rs/data dist .cache tests/support/npm/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache sidecar/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What must be there before.

needs-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Python 3.11 or newer is missing: install it (Debian: apt install python3 python3-venv) or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt install python3-venv" >&2; exit 1; }

needs-rust:
	@cargo --version >/dev/null 2>&1 || { echo "A Rust toolchain (cargo, 1.88 or newer) is missing: install it with rustup, see https://rustup.rs" >&2; exit 1; }

needs-node:
	@npm --version >/dev/null 2>&1 && node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' || \
	{ echo "Node 20 or newer with npm is missing; the tests speak with language servers that need it: apt install nodejs npm, or see https://nodejs.org" >&2; exit 1; }

needs-go:
	@go version >/dev/null 2>&1 || { echo "Go 1.24 or newer is missing; the tests speak with gopls: see https://go.dev/doc/install (Debian: apt install golang)" >&2; exit 1; }

# What is made once, and again when its sources change.

$(STAMPS)/venv: | needs-python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/build-tools: constraints.txt $(STAMPS)/venv
	$(BIN)/python .ci/requirements.py build | xargs $(BIN)/pip install -q -c constraints.txt
	@touch $@

$(STAMPS)/run: constraints.txt pyproject.toml $(STAMPS)/build-tools
	$(BIN)/python .ci/requirements.py run servers | xargs $(BIN)/pip install -q -c constraints.txt
	@touch $@

$(STAMPS)/test: constraints.txt pyproject.toml $(STAMPS)/run
	$(BIN)/python .ci/requirements.py test | xargs $(BIN)/pip install -q -c constraints.txt
	@touch $@

# The language servers of the tests that pip has not (tests/support/real_servers.py): about 12 s with npm, 20 to 60 s with go, once.
$(STAMPS)/servers: $(STAMPS)/npm .cache/bin/gopls
	@touch $@

$(STAMPS)/npm: tests/support/npm/package-lock.json $(STAMPS)/venv | needs-node
	cd tests/support/npm && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.cache/bin/gopls: | needs-go
	GOBIN=$(CURDIR)/.cache/bin GOPATH=$(CURDIR)/.cache/go GOFLAGS=-modcacherw go install golang.org/x/tools/gopls@v0.21.1
	@rm -rf .cache/go

.cache/bin/rust-analyzer: | needs-rust
	@echo "rust-analyzer is built once; this takes about seven minutes"
	CARGO_TARGET_DIR=$(CURDIR)/.cache/rust-analyzer $(CARGO) install ra_ap_rust-analyzer@0.0.330 --locked --root $(CURDIR)/.cache
	@rm -rf .cache/rust-analyzer

$(STAMPS)/check: constraints.txt pyproject.toml $(STAMPS)/test
	@cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 || { echo "clippy or rustfmt is missing: rustup component add clippy rustfmt" >&2; exit 1; }
	$(BIN)/python .ci/requirements.py check | xargs $(BIN)/pip install -q -c constraints.txt
	@touch $@

# Native programs are built without PyO3 (its extension-module feature must not reach a binary) and travel in the wheel's data folder.
$(SUPERVISOR): $(RUST_SOURCES) | needs-rust
	cargo build $(MANIFEST) --release --bins
	@mkdir -p $(@D) && install -m 755 native_rs/target/release/$(@F) $@

$(STAMPS)/native: $(RUST_SOURCES) pyproject.toml $(SUPERVISOR) $(STAMPS)/run
	@echo "maturin develop --release"
	@$(BIN)/maturin develop --release --locked --quiet >$(STAMPS)/native.log 2>&1 || { cat $(STAMPS)/native.log >&2; exit 1; }
	@touch $@
