# The verbs of this house; Meson does the work (meson.build). `make help` lists them.
BUILD  ?= build
PREFIX ?= /usr/local
NINJA  ?= ninja
CLANG  ?= clang-14

.DEFAULT_GOAL := all
.PHONY: all demo test test-all asan tsan evil crash sim scorecard bench fuzz lint format install clean help

all: ## build/hocket (installs missing Debian packages first)
	@tools/deps build
	@tools/build $(BUILD)

demo: ## 5,000 articles from a flaky demo API into SQLite, with the account and both sides' counts
	@tools/deps build demo
	@tools/build $(BUILD)
	@tools/demo $(BUILD)

test: ## everything that must hold: unit, end to end, sanitizers, static checks (minutes)
	@tools/deps build test
	@tools/test

test-all: ## the wider matrix: test, clang release, valgrind, longer fuzzing
	@tools/deps build test valgrind
	@tools/test --all

asan: ## build-asan: clang with AddressSanitizer and UBSan, unit tests run
	@tools/deps build test
	@tools/test --only asan

tsan: ## build-tsan: ThreadSanitizer, tests of what uses threads run
	@tools/deps build test
	@tools/test --only tsan

evil: ## the evil server's misbehaviours, and CANCELLATIONS (100000) at random moments
	@tools/deps build test
	@tools/build build-test -Dtest_hosts=true
	@HOCKET_CANCELLATIONS=$(or $(CANCELLATIONS),100000) build-test/tests/evil/evil

crash: ## KILLS (10000) kill -9, power cuts, full disks, no memory: nothing lost, nothing twice
	@tools/deps build test
	@tools/build build-test -Dtest_hosts=true
	@tests/crash/crash --full --kills $(or $(KILLS),10000)

sim: ## whole pipelines in SEEDS (5000) simulated lives: crashes, storms, a far side that counts
	@tools/deps build test
	@tools/build build-test -Dtest_hosts=true
	@HOCKET_SEEDS=$(or $(SEEDS),5000) HOCKET_TEST=whatever_happens_each_row_arrives_once build-test/tests/sim/sim

scorecard: ## docs/scorecard.md: all faults, what they came to (10 minutes; FULL=1: 10,000 kills, hours)
	@tools/deps build test
	@tools/build build-test -Dtest_hosts=true
	@tools/scorecard build-test $(if $(FULL),--full)

fuzz: ## each fuzz target for FUZZ_SECONDS (60)
	@tools/deps build test
	@tools/test --only fuzz

bench: ## the figures of the project beside its peers, as a table and JSON
	@tools/deps build bench
	@bench/run

lint: ## format, layers, sizes, suspension marks, words, clang-tidy
	@tools/deps build lint
	@tools/test --only lint --only tidy

format: ## rewrites all sources as .clang-format says
	@tools/deps lint
	@tools/check-format --fix

install: all ## PREFIX (/usr/local): program, library, headers, man pages, completions
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	@tools/build $(BUILD)
	@meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi
	@echo "installed in $(DESTDIR)$(abspath $(PREFIX))"
	@tools/install-hint $(abspath $(PREFIX)) "$(DESTDIR)"

clean: ## removes build folders and the demo's output
	rm -rf build build-* demo.out

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
