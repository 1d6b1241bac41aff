# One image: hearsay, the sample server and its clients that `hearsay demo` is about, the libraries
# they link, and nothing that builds them.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/lib.sh scripts/setup scripts/
RUN scripts/setup run && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json ./
COPY gossip gossip
COPY registry registry
COPY sim sim
COPY node node
COPY clients clients
COPY examples examples
RUN cmake --preset release -DBUILD_TESTING=OFF \
    && ninja -C build/release hearsay arena arena-bots \
    && cd build/release && strip hearsay arena arena-bots
# The packages that own the shared libraries, so that the final stage needs no list of its own.
RUN ldd build/release/hearsay build/release/arena build/release/arena-bots | awk '$3 ~ /^\// { print $3 }' \
    | while read -r library; do dpkg -S "*/$(basename "$(realpath "$library")")"; done \
    | cut -d: -f1 | sort -u > runtime-packages

FROM debian:bookworm-slim
COPY --from=build /src/runtime-packages /tmp/
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive xargs -a /tmp/runtime-packages \
       apt-get install -y -qq --no-install-recommends \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /tmp/runtime-packages \
    && useradd --system --no-create-home hearsay \
    && install -d -o hearsay -g hearsay /data
COPY --from=build /src/build/release/hearsay /src/build/release/arena /src/build/release/arena-bots \
    /usr/local/bin/
USER hearsay
VOLUME /data
# 7700: HTTP. 7701: gossip, datagrams and streams.
EXPOSE 7700 7701/udp 7701/tcp
ENV HEARSAY_HTTP=0.0.0.0:7700 HEARSAY_GOSSIP=0.0.0.0:7701 HEARSAY_DATA=/data
HEALTHCHECK --interval=5s --timeout=2s --start-period=5s CMD ["hearsay", "status", "--quiet"]
ENTRYPOINT ["hearsay"]
CMD ["agent"]
