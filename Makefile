# diffd. `make help` lists what there is to make.

SWIFT  ?= swift
PYTHON ?= python3

# Where `make install` puts things, below DESTDIR if that is set.
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=

# Where `make run` and `make demo` work.
SPOOL ?= spool

PROGRAMS := diffd diffd-worker diffctl
BUILT    := .build/release
SOURCES  := Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

.DEFAULT_GOAL := build
.PHONY: help deps build test test-busy test-old-cpu sanitize torture fuzz demo demo-video run bench bench-queue install uninstall deb test-systemd format lint clean

help:
	@echo "make build    build in release mode (the default)"
	@echo "make demo     train a spiral, a small U-Net and a latent transformer from job files, sample, edit, and rate the pictures"
	@echo "make demo-video  train a small model of video, carry clips on that it has not seen, and rate them (about 20 minutes)"
	@echo "make test     lint, build and run all tests"
	@echo "make test-busy  the same beside a busy loop for each core"
	@echo "make test-old-cpu  the kernels on an emulated processor without AVX"
	@echo "make sanitize  kernels, threads and the control column under ASan with UBSan, and under TSan"
	@echo "make torture  kill daemon and workers 300 times over a mixed load, and compare what comes out"
	@echo "make fuzz     a million damaged inputs for everything that reads files and requests"
	@echo "make run      run diffd in the foreground on $(SPOOL)/"
	@echo "make bench    time diffd's engine beside PyTorch"
	@echo "make bench-queue  submit 10,000 jobs beside a history of 100,000, and time the answers"
	@echo "make install  install what is built: PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) DESTDIR=$(DESTDIR)"
	@echo "make uninstall  remove what install has put there, with the same PREFIX and DESTDIR; settings and spool stay"
	@echo "make deb      make the Debian package;  make test-systemd: try it under real systemd in a container (as root)"
	@echo "make deps     install the Debian packages that are missing; all of the above but install do so"
	@echo "make format   format the sources;  make lint: check their format;  make clean: remove what is built"

deps:
	@scripts/install-packages

build: deps
	$(SWIFT) build -c release

# Swift Testing starts all tests of a process at once. Those that compute would keep those with sockets, daemons and
# children from their turn, so each kind has a process of its own. The whole ones run one after the other: they start
# the real programs, and damaged input must not take much memory of a process.
COMPUTING := ^(CKernels|TensorCore|NeuralNet|Diffusion|Models|Checkpoints|Training|Sampling|Evaluation)Tests
WHOLE     := ^(Execution|EndToEnd|Fuzz)Tests

# The tests come last: their summary is the last thing to be seen.
test: deps lint
	$(SWIFT) build -c release --build-tests
	@PYTHON="$(PYTHON)" scripts/check-published $(BUILT)
	@PYTHON="$(PYTHON)" scripts/check-text $(BUILT)
	$(SWIFT) test -c release --skip-build --filter '$(COMPUTING)'
	$(SWIFT) test -c release --skip-build --skip '$(COMPUTING)|$(WHOLE)'
	$(SWIFT) test -c release --skip-build --filter '$(WHOLE)' --no-parallel

# No test may depend on how fast the machine is.
test-busy:
	scripts/busy $(MAKE) test

# The test runner of the package in qemu, as a processor of 2008: SSE4.2 and no AVX.
test-old-cpu: deps
	@scripts/install-packages qemu-user
	$(SWIFT) build -c release --build-tests
	qemu-x86_64 -cpu Nehalem $(BUILT)/diffdPackageTests.xctest --testing-library swift-testing --filter '^CKernelsTests'

# Debug builds of the whole package, each in a directory of its own: half an hour the first time. Undefined behaviour
# is looked for in C only; OpenBLAS is not instrumented.
SANITIZED := ^(CKernelsTests|TensorCoreTests.(ThreadTeam|Tape)Tests|(Spool|Scheduler|JobQueue|ControlServer)Tests)
sanitized  = $(SWIFT) test --sanitize=$(1) --scratch-path .build-$(1) --filter '$(SANITIZED)'

sanitize: deps
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(call sanitized,address) -Xcc -fsanitize=undefined
	TSAN_OPTIONS=halt_on_error=1 $(call sanitized,thread)

# Some minutes; DIFFD_TORTURE is the number of kills.
torture: deps
	$(SWIFT) build -c release --build-tests
	DIFFD_TORTURE=300 $(SWIFT) test -c release --skip-build --filter '^EndToEndTests.(Directory)?KillLoopTests' --no-parallel

# A million damaged inputs; DIFFD_FUZZ_SEED=N tries others.
fuzz: deps
	$(SWIFT) build -c release --build-tests
	DIFFD_FUZZ=140000 $(SWIFT) test -c release --skip-build --filter '^FuzzTests' --no-parallel

demo: build
	@scripts/demo $(BUILT) $(SPOOL)

demo-video: build
	@scripts/demo-video $(BUILT) $(SPOOL)

run: build
	@mkdir -p $(SPOOL)
	@echo "In another terminal: export DIFFD_SOCKET=$(abspath $(SPOOL))/diffd.sock; $(BUILT)/diffctl status"
	exec $(BUILT)/diffd --config etc/diffd.yaml --spool $(SPOOL) --socket $(SPOOL)/diffd.sock

# `make bench CASE=unet2d-train` runs one case. The other side runs in $(PYTHON) where that is given, else in an environment that is
# made on first use.
bench: deps
	$(SWIFT) build -c release --package-path Benchmarks
	python=$$($(if $(filter file,$(origin PYTHON)),,PYTHON="$(PYTHON)") Benchmarks/Python/interpreter) && \
	Benchmarks/.build/release/diffd-bench compare --python "$$python" $(CASE:%=--case %)

bench-queue: build
	$(PYTHON) scripts/bench-queue $(BUILT)

format:
	$(SWIFT) format -i --recursive --parallel --configuration .swift-format $(SOURCES)

lint:
	$(SWIFT) format lint --strict --recursive --parallel --configuration .swift-format $(SOURCES)

# Installs what is built, and builds nothing: `make && sudo make install`. The programs lie together with the Swift libraries that
# they need, which they find beside themselves, so they run for users who cannot read the toolchain.
LIBDIR := $(PREFIX)/lib/diffd

install:
	@test -x $(BUILT)/diffd || { echo "Nothing is built yet: run make first." >&2; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR) $(DESTDIR)$(SYSCONFDIR)/diffd
	install -m 755 $(PROGRAMS:%=$(BUILT)/%) $(DESTDIR)$(LIBDIR)
	ldd $(PROGRAMS:%=$(BUILT)/%) | awk '$$3 ~ /\/swift\/linux\// { print $$3 }' | sort -u | xargs -r install -m 644 -t $(DESTDIR)$(LIBDIR)
	ln -sf ../lib/diffd/diffd ../lib/diffd/diffctl $(DESTDIR)$(PREFIX)/bin
	test -e $(DESTDIR)$(SYSCONFDIR)/diffd/diffd.yaml || install -m 644 etc/diffd.yaml $(DESTDIR)$(SYSCONFDIR)/diffd
	install -d $(DESTDIR)$(PREFIX)/share/diffd/examples
	install -m 644 etc/job.schema.json $(DESTDIR)$(PREFIX)/share/diffd
	install -m 644 etc/examples/*.json $(DESTDIR)$(PREFIX)/share/diffd/examples
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/bin/|$(PREFIX)/bin/|; s|/etc/diffd/|$(SYSCONFDIR)/diffd/|g' systemd/diffd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/diffd.service
	install -m 644 systemd/diffd.socket $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -D -m 644 systemd/diffd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/diffd.conf
	install -D -m 644 systemd/diffd.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/diffd.conf
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -d $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BUILT)/diffctl --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/diffctl
	$(BUILT)/diffctl --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_diffctl
	$(BUILT)/diffctl --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/diffctl.fish
	for section in 1 5 8; do \
	    install -d $(DESTDIR)$(PREFIX)/share/man/man$$section && \
	    install -m 644 etc/man/*.$$section $(DESTDIR)$(PREFIX)/share/man/man$$section || exit; \
	done

# Settings, spool, store and the user diffd stay: they are not the program's.
uninstall:
	rm -rf $(DESTDIR)$(LIBDIR) $(DESTDIR)$(PREFIX)/share/diffd
	rm -f $(DESTDIR)$(PREFIX)/bin/diffd $(DESTDIR)$(PREFIX)/bin/diffctl
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/diffd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/diffd.socket
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/diffd.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/diffd.conf
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/diffctl
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_diffctl
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/diffctl.fish
	for page in etc/man/*; do \
	    rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done

# The tools that make the package, and those that try it, are installed when they are missing.
deb: build
	@scripts/install-packages dpkg-dev patchelf binutils
	scripts/make-deb $(BUILT) .build/deb

test-systemd: deb
	@scripts/install-packages debootstrap systemd-container
	scripts/test-systemd "$$(ls -t .build/deb/*.deb | head -n 1)"

clean:
	rm -rf .build .build-* Benchmarks/.build
