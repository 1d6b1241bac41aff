#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "gossip/hash.h"
#include "gossip/result.h"

namespace gossip {

using std::chrono::milliseconds;

// Every limit and period of the protocol, with units. The defaults are protocol.md's.
struct Config {
    std::string cluster = "hearsay";  // nodes of another name are ignored
    HashKey key = derive_key("hearsay");

    // Reconciliation and probes.
    milliseconds interval{1000};       // T: one probe and `peers` exchanges per period, +-10 %
    unsigned peers = 1;                // K: exchanges per period
    milliseconds ping_retry{250};      // a lost ping is repeated after this
    unsigned ping_tries = 2;           // and after so many the jury is asked
    milliseconds suspicion{2000};      // W: SUSPECT -> DEAD at the accuser, 3 W elsewhere
    milliseconds refused{300};         // the same, after a refusal that others confirm
    milliseconds seed_retry_min{250};  // back-off between pings of an unanswering seed
    milliseconds seed_retry_max{10'000};
    milliseconds rejoin_period{10'000};  // one DEAD member, or a seed that is not ALIVE

    // Flood.
    unsigned fanout = 4;                  // 2 ring neighbours and fanout - 2 random members
    unsigned origin_fanout = 8;           // for records that were written here
    milliseconds flush_interval{5};       // coalesces what arrives within it
    milliseconds refresh_interval{1000};  // content changes of one key flood at most this often

    // Table.
    std::uint32_t sketch_cells = 32'768;  // M; 256 in simulations of 10^5 nodes
    std::uint32_t max_rows = 2'000'000;
    std::uint32_t max_members = 200'000;
    milliseconds horizon{24 * 3600 * 1000};  // G: how long a deletion is remembered
    milliseconds max_ahead{60'000};          // stamps further in the future are not merged
    std::uint32_t snapshot_gap = 4096;  // rows missing before a snapshot is cheaper than a diff

    // Egress and ingress.
    std::uint64_t datagram_bytes_per_s = 1'000'000;
    std::uint64_t stream_bytes_per_s = 20'000'000;
    unsigned streams_in = 2;
    unsigned streams_out = 2;
    unsigned diffs_per_s_per_peer = 10;
    std::uint64_t peer_datagrams_per_s = 5'000;  // floods of one peer above it are dropped
};

// Refuses nonsense with the name, the value and the legal range.
[[nodiscard]] Result<Config> validated(Config config);

}  // namespace gossip
