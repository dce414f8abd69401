# The front of the build: each target installs what it needs (tools/setup), then calls CMake. `make` alone explains.
.DEFAULT_GOAL := help
PREFIX ?= /usr/local

help: ## this list
	@echo "bide: asyncio for C"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

build: ## libraries, program and examples, as users get them, in build/
	@tools/setup build
	@tools/build release

demo: ## build and run the demonstration
	@tools/setup build
	@tools/build release example-demo bide-program
	@build/examples/demo

test: ## everything that is tested with the default compiler, on every backend
	@tools/ci-stages/test

check: ## layers, names, sizes, format, clang-tidy
	@tools/ci-stages/check

clang: ## the same tests, compiled by clang
	@tools/ci-stages/clang

asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/ci-stages/asan

tsan: ## the tests under ThreadSanitizer
	@tools/ci-stages/tsan

ucontext: ## the tests with the portable context switch
	@tools/ci-stages/ucontext

valgrind: ## the tests under Valgrind
	@tools/ci-stages/valgrind

aarch64: ## cross-build for 64-bit ARM and run the tests under qemu
	@tools/ci-stages/aarch64

fuzz: ## every fuzz target for FUZZ_SECONDS (20)
	@tools/ci-stages/fuzz

bench: ## bide beside its peers; ONLY=echo: a part, PEERS=Go,Tokio: some, QUICK=1: short, SAVE=baseline: keep it
	@tools/setup build bench
	@bench/run $(if $(ONLY),--only $(ONLY)) $(if $(PEERS),--peers $(PEERS)) $(if $(QUICK),--quick) $(if $(SAVE),--save $(SAVE))

bench-compare: ## this tree against what SAVE kept, in turn; flags changes of more than 5 %
	@tools/setup build
	@bench/run --compare $(or $(SAVE),baseline) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

bench-page: ## write docs/benchmarks.md from the last results
	@bench/run --page

instructions: ## count the instructions of the hot paths, against their limits
	@tools/ci-stages/instructions

soak: ## 20,000 connections coming and going, on every backend
	@tools/ci-stages/soak

netem: ## streams over a network that loses and delays packets, in a namespace of its own
	@tools/ci-stages/netem

seeds: ## the races of the primitives under 100,000 orders of the ready tasks
	@tools/ci-stages/seeds

matrix: ## all of the above that tests
	@tools/ci-stages/all check test clang asan tsan ucontext valgrind aarch64 instructions fuzz

install: ## install under PREFIX (/usr/local)
	@tools/setup build
	@BIDE_CMAKE_ARGUMENTS="-DBUILD_SHARED_LIBS=ON -DBIDE_BUILD_EXAMPLES=OFF" tools/build release
	@cmake --install build --prefix "$(PREFIX)"

clean: ## remove build/
	@rm -rf build

.PHONY: help build demo test check clang asan tsan ucontext valgrind aarch64 fuzz bench bench-compare bench-page instructions soak netem seeds matrix install clean
