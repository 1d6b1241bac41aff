#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gossip {

// Bytes on the wire and in records.
using Bytes = std::span<const std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Little endian by definition, so that every platform reads alike; compiles to one load.
inline std::uint64_t load64(const std::uint8_t* p) {
    std::uint64_t word = 0;
    for (unsigned i = 0; i < 8; ++i) word |= std::uint64_t{p[i]} << (8 * i);
    return word;
}

// The secret that keys every digest of a cluster, so that whoever posts metadata cannot pick
// items that collide in the sketch.
struct HashKey {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
    bool operator==(const HashKey&) const = default;
};

// SipHash-2-4 (Aumasson, Bernstein 2012). About 130 ns for a record of 150 B.
[[nodiscard]] std::uint64_t siphash(HashKey key, Bytes bytes);

// The key of a cluster that has no secret: derived from its name. Keeps clusters apart, not
// attackers out.
[[nodiscard]] HashKey derive_key(std::string_view cluster_name);

// A bijection of 64 bits in which every output bit depends on every input bit: the finaliser of
// SplitMix64 (Steele, Lea, Flood 2014), variant 13 of Stafford.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

}  // namespace gossip
