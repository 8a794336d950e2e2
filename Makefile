# SPDX-License-Identifier: GPL-2.0-only
# Every verb; `make help` lists them. V=1 shows full logs, JOBS=n limits the
# number of compilers, ACCEL=auto|kvm|tcg chooses where guests run, LINUX=<tree>
# takes your own kernel tree (git or not, v7.3 or later) as the base, BASE=6.1 or
# 6.12 means the series for that stable kernel, SET=reservation and so on the series up to
# that set (patches/README.md lists them). Each verb installs the Debian packages
# that it needs before it begins; NO_INSTALL=1 only lists what is missing. ARCH=arm64 means
# arm64 guests and their kernels instead of x86's.

export V JOBS ACCEL BASE LINUX SIGNOFF PREV REALLY KERNEL TIMES KERNELS FULL SHORT PAIRS TRIMMED
export NO_INSTALL STRICT LIMIT WORK KEEP SET ROLE MODULES JUNIT TAP HOST OPENVMM MSVM SETTINGS
# An empty ARCH would mean no architecture to the kernel's make.
export $(if $(ARCH),ARCH)

# What a verb that runs guests needs for the host that HOST names
FOR_HOST := $(filter openvmm,$(HOST))
# What a verb needs beside that for the architecture that ARCH names
ARM64 := $(filter arm64 aarch64,$(ARCH))
FOR_ARCH := $(if $(ARM64),scenario-arm64)

.PHONY: help demo check quick deps fresh tree series kernel deb rpm lint kunit send run shell matrix \
	hostile soak chain fuzz sweep bench report lisa clean

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## /  make \1 - /p' $(MAKEFILE_LIST)

demo: ## from nothing: a crash dump lost without the fix, saved with it, side by side
	@deps/install $@ $(FOR_HOST) $(FOR_ARCH)
	@lab/lab demo

check: ## every test; the last line counts them (T="20-tree 40-lint" for some)
	@deps/install $@
	@deps/index lisa --try
	@deps/index axe --try
	@tests/run $(T)

quick: ## the loop between two edits: KUnit, unit tests, sweep, three crashes; under 3 minutes
	@deps/install $@
	@tests/quick

deps: ## install all packages that any verb needs (NO_INSTALL=1: list what is missing)
	@deps/install

fresh: ## make demo and make check in a new Debian, from nothing; an hour (REST=1: what failed)
	@deps/install $@
	@deps/fresh $(if $(REST),--rest)

tree: ## build/linux-7.3, a git tree: tag base, tag nofix, branch series, a branch for each set
	@deps/install $@
	@kernel/tree --exact

series: ## write patches/ back from the tree (SIGNOFF=1 SET=reservation: a signed copy to send)
	@deps/install $@
	@kernel/export $(if $(SIGNOFF),--signoff)

kernel: ## the guest kernels: 7.3-nofix, 7.3, 7.3-series (SET=fixes: 7.3-fixes; ARCH=arm64)
	@deps/install $@ $(if $(ARM64),compile-arm64)
	@kernel/build

deb: ## Debian packages of the series, in build/deb; 40 minutes (TRIMMED=1: a few)
	@deps/install $@ $(if $(ARM64),compile-arm64)
	@kernel/package $@

rpm: ## RPM packages of the same, in build/rpm (TRIMMED=1: minutes)
	@deps/install $@ $(if $(ARM64),compile-arm64)
	@kernel/package $@

lint: ## checkpatch, sparse, W=1, coccicheck, kernel-doc, more architectures and configs
	@deps/install $@
	@kernel/lint

kunit: ## the series' KUnit tests on x86_64 and arm64, in QEMU
	@deps/install $@
	@kernel/kunit

send: ## rehearse sending SET, to loopback (REALLY=1: send it; PREV=<version before>)
	@deps/install $@
	@kernel/send

run: ## one scenario with a live console (S=gen2-default P=kdump-s KERNEL=mainline)
	@deps/install $@ $(FOR_HOST) $(FOR_ARCH)
	@lab/lab run $(or $(S),$(error S=NAME is missing; lab/lab list has them)) $(P)

shell: ## a prompt in a scenario's guest (S=gen2-default)
	@deps/install $@ $(FOR_HOST) $(FOR_ARCH)
	@lab/lab shell $(or $(S),$(error S=NAME is missing; lab/lab list has them))

matrix: ## every scenario on every path with every kernel; table (M='gen2-*:boot' for some)
	@deps/install $@ $(FOR_HOST) $(FOR_ARCH)
	@lab/lab matrix $(foreach m,$(M),'$(m)')

hostile: ## guests on a host that lies (SEEDS=1-2000 RATE=20 KERNEL=series-debug; REDUCE=SEED)
	@deps/install $@ $(FOR_ARCH)
	@lab/lab hostile $(if $(REDUCE),--reduce '$(REDUCE)','$(or $(SEEDS),1-20)') $(RATE)

soak: ## kdumps drawn by seed, none may be lost (N=1000 or SEEDS=1-1000; KERNEL=series-soak)
	@deps/install $@ $(FOR_ARCH)
	@lab/lab soak '$(SEEDS)' '$(N)'

chain: ## kernels started by kexec one after the other, drawn by seed (N=10; KERNELS="nofix mainline")
	@deps/install $@
	@lab/lab chain '$(SEEDS)' '$(N)'

fuzz: ## fuzz hvhost and the kernel's MMIO code, and say what is never reached (HOURS=8)
	@deps/install $@
	@fuzz/run

sweep: ## the kernel's MMIO code over every layout of the host rule; tables, maps (FULL=1)
	@deps/install $@
	@sweep/run

bench: ## what the series costs: allocating, booting, kdump, size (SHORT=1; PARTS="alloc size")
	@deps/install $@
	@bench/run $(PARTS)

report: ## build/report.html, one page of what matrix, sweep and bench found last
	@deps/install $@
	@report/run

lisa: ## install LISA, Microsoft's test system, into build/lisa; a minute, 430 MiB
	@deps/install $@
	@deps/index lisa

clean: ## remove what was built, but not downloads, the tree you work in, or what make fuzz found
	@rm -rf build/kernel build/kunit* build/lint* build/nest build/demo* build/check build/src build/hvhost* build/matrix* build/hostile build/soak* build/chain build/run build/guest build/sweep build/bench build/deb* build/rpm* build/package* build/debian build/report*.html build/sink build/fresh build/quick build/openvmm build/firmware build/given* build/compare build/recordings
