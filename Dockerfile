# syntax=docker/dockerfile:1
#
# The server as one binary on a base without a shell. Every instruction: https://docs.docker.com/reference/dockerfile/
#
#     docker build --tag countinghouse:0.1.0 .
#
# A registry of your own or a login for one: `--secret id=npmrc,src=$HOME/.npmrc`. The file is there during the
# installation only and is in no layer (https://docs.docker.com/build/building/secrets/).

# The version that package.json pins; Bun's own image (https://hub.docker.com/r/oven/bun).
FROM oven/bun:1.4.5 AS build
WORKDIR /build

# Packages first: this layer is built again when they change, not at every change of the source. Without those for
# development, so there is no embedded PostgreSQL to leave out later.
COPY package.json bun.lock bunfig.toml ./
RUN --mount=type=cache,target=/root/.bun/install/cache \
    --mount=type=secret,id=npmrc,target=/root/.npmrc,required=false \
    bun install --frozen-lockfile --production

COPY tsconfig.json ./
COPY sql sql
COPY deploy/nginx deploy/nginx
COPY src src
# The empty folder becomes /data below: the last stage has no program that could make one.
RUN bun run build && mkdir data

# `cc` and not `static`: the binary needs libc, libm, libdl and libpthread. Debian 12, without shell and package manager
# (https://github.com/GoogleContainerTools/distroless).
FROM gcr.io/distroless/cc-debian12:nonroot

# https://specs.opencontainers.org/image-spec/annotations/
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Countinghouse" \
      org.opencontainers.image.description="The back office of a business group in one API server" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# As `bun start` has it: freed memory stays with the process, and many may be asked at once. Uploaded files are the only thing that is ever written.
ENV MIMALLOC_PURGE_DELAY=-1 \
    BUN_CONFIG_MAX_HTTP_REQUESTS=2048 \
    DATA_DIR=/data \
    FILES_DIR=/data/files

COPY --from=build --chown=65532:65532 /build/data /data
COPY --from=build /build/dist/countinghouse /usr/local/bin/countinghouse

# By number, because Kubernetes' runAsNonRoot cannot look a name up. It is `nonroot` of the base.
USER 65532:65532
# Nothing lies there: Bun reads .env and bunfig.toml from where it stands.
WORKDIR /
VOLUME ["/data"]
# The API, and metrics for those who are trusted.
EXPOSE 3000 9000
STOPSIGNAL SIGTERM

# Asks /livez and nothing behind it: whoever acts on this restarts the container, which would not bring a database back.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/countinghouse", "healthcheck"]

# In exec form the server is process 1 and gets the signals itself; it has no children to reap.
ENTRYPOINT ["/usr/local/bin/countinghouse"]
CMD ["serve"]
