#include "gossip/hash.h"

#include <bit>

namespace gossip {
namespace {

struct SipState {
    std::uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
};

}  // namespace

std::uint64_t siphash(HashKey key, Bytes bytes) {
    SipState s{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL,
               key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};
    const std::size_t whole = bytes.size() & ~std::size_t{7};
    for (std::size_t i = 0; i < whole; i += 8) {
        const std::uint64_t m = load64(bytes.data() + i);
        s.v3 ^= m;
        s.round();
        s.round();
        s.v0 ^= m;
    }
    std::uint64_t last = std::uint64_t{bytes.size()} << 56;
    for (std::size_t i = whole; i < bytes.size(); ++i) {
        last |= std::uint64_t{bytes[i]} << (8 * (i - whole));
    }
    s.v3 ^= last;
    s.round();
    s.round();
    s.v0 ^= last;
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) s.round();
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

HashKey derive_key(std::string_view cluster_name) {
    const HashKey base{0x68656172736179ULL, 0x636c7573746572ULL};  // "hearsay", "cluster"
    return {siphash(base, as_bytes(cluster_name)),
            siphash({base.k1, base.k0}, as_bytes(cluster_name))};
}

}  // namespace gossip
