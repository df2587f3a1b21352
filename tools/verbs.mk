MESON ?= meson
SYSTEM := $(BUILD)
SERVICES := $(BUILD)/musl
SANITIZED := $(BUILD)/sanitize

.PHONY: help setup setup-test build run test chaos bench lint cross-aarch64 fuzz format install uninstall deb clean

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SYSTEM)/build.ninja:
	@CC=$${CC:-gcc} $(MESON) setup $(SYSTEM) >$(SYSTEM).setup.log 2>&1 || { cat $(SYSTEM).setup.log; exit 1; }; mv $(SYSTEM).setup.log $(SYSTEM)/
$(SERVICES)/build.ninja: | $(SYSTEM)/build.ninja
	@$(MESON) setup $(SERVICES) --native-file tools/musl.ini -Dflavour=services >$(SYSTEM)/musl.log 2>&1 || { cat $(SYSTEM)/musl.log; exit 1; }
$(SANITIZED)/build.ninja: | $(SYSTEM)/build.ninja
	@$(MESON) setup $(SANITIZED) -Db_sanitize=address,undefined -Db_lundef=false >$(SYSTEM)/sanitize.log 2>&1 || { cat $(SYSTEM)/sanitize.log; exit 1; }

setup: ## install what `make run` needs
	@tools/install-packages build run

setup-test: ## install what `make test` needs
	@tools/install-packages build run test $$(tools/other-init || echo systemd)

build: setup $(SYSTEM)/build.ninja $(SERVICES)/build.ninja ## build everything
	@ninja --quiet -C $(SERVICES)
	@ninja --quiet -C $(SYSTEM)

run: build ## set up, build and operate the example power grid
	@BUILD=$(SYSTEM) tools/run

test: setup-test build $(SANITIZED)/build.ninja ## set up, build and pass every test
	@ninja --quiet -C $(SANITIZED)
	@BUILD=$(SYSTEM) tools/run-tests $(SYSTEM) $(SANITIZED)

chaos: setup-test build ## make every fault against every system service, and write docs/survivability.md
	@/usr/bin/python3 tests/chaos/chaos.py $(SYSTEM) --write docs/survivability.md

bench: build ## measure against peers and the raw limits
	@tools/install-packages bench
	@$(MESON) configure --clearcache $(SYSTEM) && $(MESON) setup --reconfigure $(SYSTEM) >$(SYSTEM)/reconfigure.log || { cat $(SYSTEM)/reconfigure.log; exit 1; } # peers are looked for anew
	@ninja --quiet -C $(SYSTEM) bench-programs
	@BUILD=$(SYSTEM) bench/run

lint: ## clang-format, clang-tidy, cppcheck, both compilers
	@tools/install-packages build run test develop
	@BUILD=$(SYSTEM) tools/lint

cross-aarch64: ## build for AArch64 on another processor, and try it there in QEMU
	@tools/install-packages build run test cross
	@BUILD=$(SYSTEM) tools/aarch64/build

fuzz: ## fuzz every target for FUZZ_SECONDS (60) each
	@tools/install-packages build run test
	@BUILD=$(SYSTEM) tools/fuzz

format: ## lay out the sources with clang-format
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: build ## install under PREFIX (/usr/local)
	@BUILD=$(SYSTEM) PREFIX=$${PREFIX:-/usr/local} tools/install

uninstall: build ## remove what `make install` put under PREFIX
	@BUILD=$(SYSTEM) PREFIX=$${PREFIX:-/usr/local} tools/install remove

deb: ## build a Debian package in build/deb
	@BUILD=$(SYSTEM) tools/deb

clean: ## remove what was built
	rm -rf $(BUILD)
