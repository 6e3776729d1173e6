# Everything here sets itself up from nothing but rustup's stable toolchain, a C compiler, make, git and one
# CPython >= 3.10 with venv. `make help` lists the targets; CONTRIBUTING.md explains them.
#
#   make test PYTHON=python3.13 VENV=.venv-3.13      another Python, in an environment of its own

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
export PATH := $(PATH):$(HOME)/.cargo/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX ROPEWALK

# The first of these that is a CPython >= 3.10 with a GIL and with venv.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c $(FIT) 2>/dev/null && command -v $$python && break; done)
FIT := 'import sys, sysconfig, venv, ensurepip; \
	sys.exit(sys.version_info < (3, 10) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))'
VENV ?= .venv
PY := $(VENV)/bin/python
WHEELS := build/wheels/$(notdir $(VENV))
BENCHED := 3.11 3.13
SUPPORTED := 3.10 3.11 3.12 3.13 3.14

# Folders too: their times change when a file goes away.
SOURCES := Cargo.toml Cargo.lock pyproject.toml rust-toolchain.toml README.md \
	$(shell find crates python ropewalk.data -name __pycache__ -prune -o -print 2>/dev/null)

.PHONY: help
help:
	@echo 'make demo       real programs on stock CPython and on ropewalk, times side by side'
	@echo 'make test       all tests: Rust, Python, and those of CPython itself'
	@echo 'make test-crash processes killed after each instruction of what they share; an hour or two'
	@echo 'make check      formatting, lints, types, stubs, the rules of the house'
	@echo 'make bench      the table of ratios, on Python $(BENCHED)'
	@echo 'make models     every order of events of small scenarios, explored by loom'
	@echo 'make test-all   every Python found of $(SUPPORTED), the long suites'
	@echo 'make wheels     one wheel for every Python found, and the source distribution'
	@echo 'make clean      away with all that was made here'

# --- The environment: a venv, the tools, ropewalk as a user would get it -------------------------------------

$(VENV)/.made:
	@test -n '$(PYTHON)' || { echo 'make: no CPython >= 3.10 with venv found; name one: make PYTHON=/path' >&2; exit 1; }
	'$(PYTHON)' -m venv --clear $(VENV)
	touch $@

$(VENV)/.tools: requirements-dev.txt $(VENV)/.made
	$(PY) -m pip install --quiet --requirement requirements-dev.txt
	touch $@

# The wheel, not the source tree: what is packaged is what is tested.
$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	rm -rf $(WHEELS)
	$(VENV)/bin/maturin build --release --locked --interpreter $(PY) --out $(WHEELS)
	$(PY) -m pip install --quiet --force-reinstall --no-deps $(WHEELS)/*.whl
	touch $@

.PHONY: install
install: $(VENV)/.installed

# --- The main job --------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.installed
	$(PY) examples/demo/run.py $(DEMO)

# --- Tests ---------------------------------------------------------------------------------------------------

.PHONY: test test-rust test-crash test-crash-short test-python test-parity
test: test-rust test-python test-parity
	@echo 'make test: all passed, on $(shell $(PY) --version 2>&1) and $(shell rustc --version)'

test-rust:
	cargo test --locked

# Killed after each instruction of each operation, and thousands of times by chance. The part in
# Rust takes half an hour, the part that goes through the interpreter as long again or longer.
test-crash: $(VENV)/.installed
	ROPEWALK_TEST_FULL=1 cargo test --locked --release -p ropewalk-shm --test crash
	ROPEWALK_TEST_FULL=1 $(PY) -m pytest -o faulthandler_timeout=$(PATIENCE) tests/multiprocessing/test_queue_kills.py tests/multiprocessing/test_kill_steps.py \
		tests/processes/test_pool_kills.py

# The same for some of the instructions: a minute. It is part of test-rust.
test-crash-short:
	cargo test --locked -p ropewalk-shm --test crash

test-python: $(VENV)/.installed
	$(PY) -m pytest $(PYTEST)

test-parity: $(VENV)/.installed
	$(PY) -m tests.parity --quick

# Another build of the engine, with loom's atomics: it lies beside the usual one. The binding is not in it, so no LTO.
.PHONY: models
models:
	RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR=target/loom CARGO_PROFILE_RELEASE_LTO=off \
		cargo test --locked --release -p ropewalk --test models

# Seconds for one test: in their long forms some work for half an hour.
PATIENCE := 7200
.PHONY: test-all test-one
test-all: test-rust models
	@cargo xtask pythons $(SUPPORTED) | while read -r version python; do \
		echo "== Python $$version"; \
		$(MAKE) --no-print-directory VENV=.venv-$$version PYTHON="$$python" test-one </dev/null || exit 1; \
	done

test-one: $(VENV)/.installed
	ROPEWALK_TEST_FULL=1 $(PY) -m pytest -o faulthandler_timeout=$(PATIENCE) $(PYTEST)
	$(PY) -m tests.parity --full

# --- Checks --------------------------------------------------------------------------------------------------

.PHONY: check check-rust check-house check-python check-stubs check-docs check-licences
check: check-house check-python check-rust check-docs check-licences check-stubs
	@echo 'make check: clean'

check-rust: $(VENV)/.made
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(PY)) cargo clippy --workspace --all-targets --locked -- -D warnings

check-house:
	cargo xtask check

check-python: $(VENV)/.tools
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# Against what is installed: the stub says what the built module has, no more and no less.
check-stubs: $(VENV)/.installed
	$(PY) -m mypy.stubtest ropewalk._ropewalk --allowlist python/stubtest-allowlist.txt

check-docs:
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

check-licences:
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check; \
	else echo 'make check: cargo-deny is not installed: deny.toml was not checked (cargo xtask layers was)'; fi

# --- Figures -------------------------------------------------------------------------------------------------

.PHONY: bench bench-one
bench:
	@cargo xtask pythons $(BENCHED) | while read -r version python; do \
		echo "== Python $$version"; \
		$(MAKE) --no-print-directory VENV=.venv-$$version PYTHON="$$python" bench-one </dev/null || exit 1; \
	done
	@echo 'the tables for the README: cargo xtask readme build/bench/*.md'

bench-one: $(VENV)/.installed
	mkdir -p build/bench
	$(PY) benches/compare.py --markdown build/bench/$(notdir $(VENV)).md $(BENCH)

# Nine misfortunes for every pool, the peers' too: their packages are for this alone.
.PHONY: bench-failures bench-recovery bench-growth bench-peers
bench-failures: $(VENV)/.peers
	mkdir -p build/bench
	$(PY) benches/failures --markdown build/bench/failures.md $(BENCH)

bench-recovery: $(VENV)/.installed
	mkdir -p build/bench
	$(PY) benches/recovery.py --markdown build/bench/recovery.md $(BENCH)

bench-growth: $(VENV)/.peers
	mkdir -p build/bench
	$(PY) benches/growth.py --markdown build/bench/growth.md $(BENCH)

bench-peers: $(VENV)/.peers
	mkdir -p build/bench
	$(PY) benches/peers.py --markdown build/bench/peers.md $(BENCH)

$(VENV)/.peers: benches/requirements.txt $(VENV)/.installed
	$(PY) -m pip install --quiet --requirement benches/requirements.txt
	touch $@

# --- Packages ------------------------------------------------------------------------------------------------

.PHONY: wheels
wheels: $(VENV)/.tools
	rm -rf build/dist
	$(VENV)/bin/maturin sdist --out build/dist
	@cargo xtask pythons $(SUPPORTED) | while read -r version python; do \
		$(VENV)/bin/maturin build --release --locked --interpreter "$$python" --out build/dist </dev/null; \
	done
	@ls -l build/dist

.PHONY: clean
clean:
	rm -rf target build .venv .venv-3.* .mypy_cache .ruff_cache .pytest_cache
