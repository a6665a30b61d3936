# One image for every role. Builds from official images on the internet; where no registry is reached,
# tests/containers makes stand-ins under the same names out of the machine's own files.
ARG DENO_IMAGE=denoland/deno:2.9.6
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${DENO_IMAGE} AS build
WORKDIR /src
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY main.ts ./
COPY protocol protocol
COPY roles roles
COPY .ci .ci
RUN deno run -A .ci/build.ts

FROM ${RUNTIME_IMAGE}
LABEL org.opencontainers.image.title="offshore" \
      org.opencontainers.image.description="A distributed file store: tracker, seeder or client" \
      org.opencontainers.image.licenses="Apache-2.0"
# A packed executable unpacks here once, while the image is built, so that a read-only root and an
# unprivileged user work; a compiled one leaves it empty.
ENV OFFSHORE_CACHE=/var/cache/offshore
COPY --from=build /src/dist/offshore /usr/local/bin/offshore
RUN mkdir -p "$OFFSHORE_CACHE" /disk /codes/join /codes/login && offshore --version \
 && chmod -R a+rX "$OFFSHORE_CACHE" && chown 1993:1993 /disk /codes/join /codes/login
USER 1993:1993
EXPOSE 7420 7421 7480
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=6 CMD ["offshore", "health"]
ENTRYPOINT ["offshore"]
