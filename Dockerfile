# syntax=docker/dockerfile:1

# The pages' scripts and styles.
FROM node:22-bookworm-slim AS web
WORKDIR /source/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

# The program. Dependencies and earlier builds stay in the builder's cache.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
COPY --from=web /source/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package kontor \
    && cp target/release/kontor /usr/local/bin/kontor

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin kontor \
    && install -d -o kontor -g kontor /var/lib/kontor
COPY --from=build /usr/local/bin/kontor /usr/local/bin/kontor
USER kontor
WORKDIR /var/lib/kontor
# Inside a container the loopback address is reachable by nobody else. Lines for a log collector.
ENV KONTOR_HTTP_ADDRESS=0.0.0.0:8080 \
    KONTOR_SANDBOX_ADDRESS=0.0.0.0:8090 \
    KONTOR_LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
# Configuration, PostgreSQL, migrations and NATS as this container sees them.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
    CMD ["kontor", "check", "--quiet"]
ENTRYPOINT ["kontor"]
CMD ["serve"]
