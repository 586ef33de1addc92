# Every target is a line or two; what is longer lives in scripts/. `make` alone lists the targets.
PREFIX ?= /usr/local
TRIPLE = $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 1
# What is generated: modules, c or csmith.
FUZZ ?= modules
fuzz_modules = -p w2n-fuzz -- --regress fixtures/regress
fuzz_traps = -p w2n-fuzz -- --due-traps 100000000
fuzz_c = -p w2n-genc --
fuzz_csmith = -p w2n-genc -- --csmith
# Tests and benchmarks run the compiler that a user would run.
export WASM2NATIVE ?= $(abspath $(TARGET_DIR))/release/wasm2native

.PHONY: help setup build demo test check bless spec bench fuzz faults install

help: ## list the targets (the default)
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r t d; do printf '  make %-8s %s\n' "$$t" "$$d"; done

setup: ## install what is missing: LLVM 22, clang, lld, wasi-libc (idempotent)
	@scripts/setup.sh

build: setup ## build the compiler: target/release/wasm2native
	cargo build --release -p wasm2native

demo: setup ## build, compile a C program to Wasm and that to an executable, run it
	@scripts/demo.sh

test: build ## everything CI checks: unit, IR, spec, WASI and real-program tests
	@scripts/setup.sh test
	scripts/test.sh

check: setup ## format, clippy without warnings, and the rules of tests/tests/tidy
	@scripts/setup.sh test
	scripts/check.sh

bless: build ## accept the outputs of snapshot tests; read the diff before you commit it
	W2N_BLESS=1 INSTA_UPDATE=always scripts/test.sh

spec: build ## run the specification's test suite and print its table; SPEC=i32::O2 for a part
	cargo test --release -p w2n-tests --test spec -- $(SPEC)

faults: setup ## plant faults in a copy of the sources; tests/FAULTS.md says what caught each
	cargo run --release -p w2n-tests --bin plant-faults -- $(FAULTS)

bench: build ## speed against native code, wasmtime and wasm2c; BENCH="--instructions sqlite" for a part, or --help
	@scripts/setup.sh test
	cargo run --release -p w2n-bench -- $(BENCH)

fuzz: build ## FUZZ=modules (against another engine), traps, c or csmith; FUZZ_SECONDS=60 FUZZ_SEED=1
	@scripts/setup.sh test
	cargo run --release $(fuzz_$(FUZZ)) --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

install: build ## copy the compiler and its runtime below PREFIX (/usr/local)
	scripts/install.sh "$(WASM2NATIVE)" "$(DESTDIR)$(PREFIX)" "$(TRIPLE)"
