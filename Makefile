# Two commands do everything on a fresh Debian machine with Rust: `make demo` and `make test`.
.PHONY: demo test local schemas freeze lint bench count kills overload soak help

help:
	@echo "make demo     run a whole saga on the local cloud"
	@echo "make test     run all tests"
	@echo "make local    run the local cloud and the processor until Ctrl-C"
	@echo "make schemas  write schemas/ anew from the types"
	@echo "make freeze   promise the messages as they are now: later changes must not break them"
	@echo "make bench    ROUNDS=5 SECONDS=1: measure the processor beside the limit of the machine and what one would otherwise"
	@echo "              write, and what a ladder of renditions costs; table, figures and plots go to target/bench"
	@echo "make count    count the instructions that an event takes, in an optimised build, and write profiles into target/count/"
	@echo "make soak     SEEDS=500 FROM=1 OPERATIONS=100: run seeds of the simulation of faults; SEED=n tells all of one;"
	@echo "              BUGS=1 plants bugs that must be caught"
	@echo "make overload offer ten times the deliveries that can be borne, for SECONDS=60, and count what becomes of them"
	@echo "make kills    OPERATIONS=20000 KILLS=100 RESTARTS=0 REFUSE=0 DOWN=0 IN_FLIGHT=16 SEED=1: kill and restart real processes under"
	@echo "              a load of requests, with a topic that refuses REFUSE % and is DOWN for seconds, and count what came of each"
	@echo "make lint     formatting, clippy, and the dependencies' licences, sources and advisories"

demo:
	scripts/need.sh compiler ffmpeg
	cargo run --quiet -- demo

test:
	scripts/need.sh compiler ffmpeg mediainfo valgrind packager browser python-tools node-tools
	cargo test --workspace --quiet

local:
	scripts/need.sh compiler ffmpeg mediainfo
	cargo run --quiet -- local

schemas:
	cargo run --quiet -- schemas --write schemas

freeze:
	cargo run --quiet -- schemas --freeze schemas/baseline.json

bench: built = $(or $(CARGO_TARGET_DIR),target)
bench:
	scripts/need.sh compiler ffmpeg bench-node bench-python
	cargo build --quiet --release --bin gridwich # as it is shipped
	cargo build --quiet --release --package gridwich-speed
	cargo bench --quiet --profile dev --package local-azure --bench ladder # what is measured is ffmpeg
	RUST_LIB_BACKTRACE=0 $(built)/release/gridwich-speed --rounds $(or $(ROUNDS),5) --seconds $(or $(SECONDS),1) --output $(built)/bench \
		--gridwich $(built)/release/gridwich --encodes $(built)/bench/encode.json

count:
	scripts/need.sh compiler valgrind
	cargo bench --quiet --profile soak --bench count --no-run
	scripts/count.sh

soak:
	scripts/need.sh compiler
	@echo 'building with optimizations: some five minutes the first time'
	RUST_LIB_BACKTRACE=0 cargo bench --quiet --profile soak --bench soak -- --operations $(or $(OPERATIONS),100) \
		$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) --from $(or $(FROM),1)) $(if $(BUGS),--bugs)

overload:
	scripts/need.sh compiler
	cargo bench --quiet --profile dev --bench overload -- $(or $(SECONDS),60) # what is measured is who gets in, not how fast

kills:
	scripts/need.sh compiler mediainfo
	@echo 'building with optimizations: some five minutes the first time'
	RUST_LIB_BACKTRACE=0 cargo bench --quiet --profile soak --bench kills -- --operations $(or $(OPERATIONS),20000) --kills $(or $(KILLS),100) \
		--restarts $(or $(RESTARTS),0) --refuse $(or $(REFUSE),0) --down $(or $(DOWN),0) \
		--in-flight $(or $(IN_FLIGHT),16) --seed $(or $(SEED),1)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --no-default-features -- -D warnings
	scripts/need.sh cargo-deny
	cargo deny check
