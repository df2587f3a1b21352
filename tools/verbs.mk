MESON ?= meson
SYSTEM := $(BUILD)
SERVICES := $(BUILD)/musl
SANITIZED := $(BUILD)/sanitize
X86_64 := $(BUILD)/x86_64
# Which machine `make build` and `make run` are about: linux or x86_64.
MACHINE ?= linux
# The bare machine's kernel is part of `make test` where the compiler can make it; the processor says so while none is installed.
BARE_MACHINES = $(if $(filter x86_64%,$(shell $${CC:-gcc} -dumpmachine 2>/dev/null || uname -m)),build-x86_64)

.PHONY: help setup setup-test build build-linux build-x86_64 run run-linux run-x86_64 iso test chaos stress bench bench-linux bench-x86_64 lint cross-aarch64 fuzz format install uninstall deb clean

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SYSTEM)/build.ninja:
	@CC=$${CC:-gcc} $(MESON) setup $(SYSTEM) >$(SYSTEM).setup.log 2>&1 || { cat $(SYSTEM).setup.log; exit 1; }; mv $(SYSTEM).setup.log $(SYSTEM)/
$(SERVICES)/build.ninja: | $(SYSTEM)/build.ninja
	@$(MESON) setup $(SERVICES) --native-file tools/musl.ini -Dflavour=services >$(SYSTEM)/musl.log 2>&1 || { cat $(SYSTEM)/musl.log; exit 1; }
$(SANITIZED)/build.ninja: | $(SYSTEM)/build.ninja
	@$(MESON) setup $(SANITIZED) -Db_sanitize=address,undefined -Db_lundef=false >$(SYSTEM)/sanitize.log 2>&1 || { cat $(SYSTEM)/sanitize.log; exit 1; }
$(X86_64)/build.ninja:
	@mkdir -p $(BUILD)
	@CC=$${CC:-gcc} $(MESON) setup $(X86_64) --native-file tools/x86_64.ini -Dflavour=machine >$(BUILD)/x86_64.log 2>&1 || { cat $(BUILD)/x86_64.log; exit 1; }

setup: ## install what `make run` needs
	@tools/install-packages build run

setup-test: ## install what `make test` needs
	@tools/install-packages build run test $(if $(BARE_MACHINES),iso) $$(tools/other-init || echo systemd)

build: build-$(MACHINE) ## build everything; MACHINE=x86_64: the bare kernel
build-linux: setup $(SYSTEM)/build.ninja $(SERVICES)/build.ninja
	@ninja --quiet -C $(SERVICES)
	@ninja --quiet -C $(SYSTEM)
build-x86_64: setup $(X86_64)/build.ninja
	@ninja --quiet -C $(X86_64)

run: run-$(MACHINE) ## set up, build and operate the example power grid; MACHINE=x86_64: boot in QEMU
run-linux: build-linux
	@BUILD=$(SYSTEM) tools/run
run-x86_64: build-x86_64 build-linux
	@tools/install-packages x86_64
	@BUILD=$(X86_64) tools/run-x86_64

iso: build-x86_64 ## make build/x86_64/grove.iso, from which GRUB boots the bare x86-64 kernel
	@tools/install-packages iso
	@BUILD=$(X86_64) tools/iso-x86_64

test: setup-test build-linux $(BARE_MACHINES) $(SANITIZED)/build.ninja ## set up, build and pass every test
	@ninja --quiet -C $(SANITIZED)
	@BUILD=$(SYSTEM) tools/run-tests $(SYSTEM) $(SANITIZED)

chaos: setup-test build-linux ## make every fault against every system service, and write docs/survivability.md
	@/usr/bin/python3 tests/chaos/chaos.py $(SYSTEM) --write docs/survivability.md

stress: setup-test build-linux build-x86_64 ## run stress-ng on the bare x86-64 kernel, on 1, 2 and 4 processors
	@/usr/bin/python3 tests/bare/stress_test.py $(SYSTEM) --long

bench: bench-$(MACHINE) ## measure against peers and the raw limits; MACHINE=x86_64: the bare kernel against Debian's Linux
bench-linux: build-linux
	@tools/install-packages bench
	@$(MESON) configure --clearcache $(SYSTEM) && $(MESON) setup --reconfigure $(SYSTEM) >$(SYSTEM)/reconfigure.log || { cat $(SYSTEM)/reconfigure.log; exit 1; } # peers are looked for anew
	@ninja --quiet -C $(SYSTEM) bench-programs
	@BUILD=$(SYSTEM) bench/run

bench-x86_64: build-x86_64 $(SERVICES)/build.ninja
	@tools/install-packages x86_64 bench-kernel
	@ninja --quiet -C $(SERVICES) bench/kernel/kernel-bench
	@BUILD=$(BUILD) bench/kernel/run

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

install: build-linux ## install under PREFIX (/usr/local)
	@BUILD=$(SYSTEM) PREFIX=$${PREFIX:-/usr/local} tools/install

uninstall: build-linux ## remove what `make install` put under PREFIX
	@BUILD=$(SYSTEM) PREFIX=$${PREFIX:-/usr/local} tools/install remove

deb: ## build a Debian package in build/deb
	@BUILD=$(SYSTEM) tools/deb

clean: ## remove what was built
	rm -rf $(BUILD)
