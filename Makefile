# Two commands do everything on a fresh Debian machine with Rust: `make demo` and `make test`.
.PHONY: demo test local schemas freeze lint bench kills help

# What `make kills` does unless told otherwise.
OPERATIONS ?= 20000
KILLS ?= 100
RESTARTS ?= 0
REFUSE ?= 0
DOWN ?= 0
SEED ?= 1

help:
	@echo "make demo     run a whole saga on the local cloud"
	@echo "make test     run all tests"
	@echo "make local    run the local cloud and the processor until Ctrl-C"
	@echo "make schemas  write schemas/ anew from the types"
	@echo "make freeze   promise the messages as they are now: later changes must not break them"
	@echo "make bench    measure what a ladder of renditions costs, against one ffmpeg for each"
	@echo "make kills    kill real processes under a load of requests, and count what came of each:"
	@echo "              OPERATIONS=$(OPERATIONS) KILLS=$(KILLS), RESTARTS=$(RESTARTS) rolling ones, REFUSE=$(REFUSE) % of POSTs to the"
	@echo "              response topic, which is DOWN=$(DOWN) seconds; SEED=$(SEED)"
	@echo "make lint     formatting, clippy, and the dependencies' licences, sources and advisories"

demo:
	scripts/need.sh compiler ffmpeg
	cargo run --quiet -- demo

test:
	scripts/need.sh compiler ffmpeg mediainfo packager browser python-tools node-tools
	cargo test --workspace --quiet

local:
	scripts/need.sh compiler ffmpeg mediainfo
	cargo run --quiet -- local

schemas:
	cargo run --quiet -- schemas --write schemas

freeze:
	cargo run --quiet -- schemas --freeze schemas/baseline.json

bench:
	scripts/need.sh compiler ffmpeg
	cargo bench --quiet --profile dev --package local-azure --bench ladder # what is measured is ffmpeg

kills:
	scripts/need.sh compiler mediainfo
	cargo bench --quiet --bench kills -- --operations $(OPERATIONS) --kills $(KILLS) --restarts $(RESTARTS) \
		--refuse $(REFUSE) --down $(DOWN) --seed $(SEED)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --no-default-features -- -D warnings
	scripts/need.sh cargo-deny
	cargo deny check
