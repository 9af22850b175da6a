# `just check` is what CI runs before the end-to-end checks.

check: format lint test docs dependencies

format:
    cargo fmt --check

lint:
    cargo clippy --all-targets --locked -- -D warnings

test:
    cargo test --locked

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

dependencies:
    cargo deny --locked check bans licenses sources
