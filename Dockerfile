# syntax=docker/dockerfile:1
# The build: every dependency comes from crates.io by Cargo.lock. cmake, make and a C compiler build aws-lc, jemalloc and SQLite.
FROM rust:1.95-trixie AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin nightshift \
 && install -m 755 target/release/nightshift /usr/local/bin/nightshift

# What runs. libvulkan1 finds a GPU if the host's driver is made visible; without one the CPU scores. The client of
# PostgreSQL is for `nightshift backup` and `restore`.
FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libvulkan1 postgresql-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin nightshift \
 && install -d -m 700 -o nightshift -g nightshift /data
COPY --from=build /usr/local/bin/nightshift /usr/local/bin/nightshift
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/nightshift/
USER 10001
WORKDIR /data
# Everything that is written is in here, or in /tmp: the rest of the file system may be read-only.
VOLUME /data
ENV NIGHTSHIFT__DATA_DIR=/data HOME=/data
# It listens on loopback until NIGHTSHIFT__HTTP__LISTEN says otherwise; beyond it, set NIGHTSHIFT__HTTP__TLS__CERTIFICATE and
# NIGHTSHIFT__HTTP__TLS__KEY, or put a proxy that speaks TLS in front.
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=6s --start-period=120s --retries=4 CMD ["nightshift", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["nightshift"]
CMD ["serve"]
