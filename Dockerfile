# The build: every dependency comes from crates.io by Cargo.lock. cmake and a C compiler build aws-lc and SQLite.
FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin nightshift

# What runs. libvulkan1 finds a GPU if the host's driver is made visible; without one the CPU scores.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libvulkan1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin nightshift \
 && install -d -o nightshift -g nightshift /data
COPY --from=build /src/target/release/nightshift /usr/local/bin/nightshift
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/nightshift/
USER nightshift
WORKDIR /data
VOLUME /data
ENV NIGHTSHIFT__DATA_DIR=/data
# No EXPOSE: this version listens on loopback only. No HEALTHCHECK: the program has no command that asks a running one;
# Prometheus watches /metrics instead.
STOPSIGNAL SIGTERM
ENTRYPOINT ["nightshift"]
CMD ["serve"]
