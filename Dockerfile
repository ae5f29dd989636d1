# The images of the product, for those who have a container engine:
#   docker build --target vrsky-runtime --tag vrsky-runtime .
# `cargo xtask image` makes the same without one. The tests do not run this file.

FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# Linked statically, so that nothing else has to be in the image. With a target: build scripts and macros
# cannot be linked so.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    export RUSTFLAGS="-C target-feature=+crt-static" triple="$(uname -m)-unknown-linux-gnu" \
 && cargo build --locked --release --target "$triple" -p vrsky-operator -p vrsky-runtime \
 && mkdir /out && cp "target/$triple/release/vrsky-operator" "target/$triple/release/vrsky-runtime" /out/
RUN mkdir -p /root-files/etc/ssl/certs \
 && cp /etc/ssl/certs/ca-certificates.crt /root-files/etc/ssl/certs/ \
 && echo "hosts: files dns" > /root-files/etc/nsswitch.conf \
 && echo "vrsky:x:65532:65532::/:/sbin/nologin" > /root-files/etc/passwd \
 && echo "vrsky:x:65532:" > /root-files/etc/group

FROM docker.io/library/golang:1.26-bookworm AS build-nats-server
WORKDIR /source
COPY tools/nats-server .
RUN CGO_ENABLED=0 go build -trimpath -o /out/nats-server github.com/nats-io/nats-server/v2

FROM scratch AS nats-server
COPY --from=build-nats-server /out/nats-server /nats-server
USER 65532:65532
ENTRYPOINT ["/nats-server"]

FROM scratch AS vrsky-operator
COPY --from=build /root-files /
COPY --from=build /out/vrsky-operator /vrsky-operator
USER 65532:65532
ENTRYPOINT ["/vrsky-operator"]

FROM scratch AS vrsky-runtime
COPY --from=build /root-files /
COPY --from=build /out/vrsky-runtime /vrsky-runtime
USER 65532:65532
ENTRYPOINT ["/vrsky-runtime"]
