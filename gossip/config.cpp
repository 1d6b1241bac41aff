#include "gossip/config.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace gossip {
namespace {

// Keeps the first violation, so that every field can be checked in a row.
class Bounds {
  public:
    template <class Number>
    Bounds& field(std::string_view name, Number value, std::uint64_t low, std::uint64_t high) {
        if (value < low || value > high) refuse(name, std::to_string(value), low, high, "");
        return *this;
    }
    Bounds& field(std::string_view name, milliseconds value, milliseconds low, milliseconds high) {
        if (value < low || value > high) {
            refuse(name, std::to_string(value.count()) + " ms", low.count(), high.count(), " ms");
        }
        return *this;
    }
    Bounds& require(bool holds, std::string_view rule) {
        if (!holds && !error_) error_ = Error{Errc::invalid, std::string{rule}};
        return *this;
    }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  private:
    template <class Number>
    void refuse(std::string_view name, const std::string& value, Number low, Number high,
                std::string_view unit) {
        require(false, std::string{name} + " is " + value + ": it has to be from " +
                           std::to_string(low) + " to " + std::to_string(high) + std::string{unit});
    }
    std::optional<Error> error_;
};

bool printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

Result<Config> validated(Config config) {
    using namespace std::chrono_literals;
    const Config& c = config;
    Bounds bounds;
    bounds.field("the length of the cluster name", c.cluster.size(), 1, 64)
        .require(printable(c.cluster),
                 "the cluster name has to be of printable ASCII without blanks")
        .field("interval", c.interval, 10ms, 1h)
        .field("peers", c.peers, 1, 64)
        .field("ping_retry", c.ping_retry, 1ms, 1min)
        .field("ping_tries", c.ping_tries, 1, 16)
        .field("suspicion", c.suspicion, 10ms, 1h)
        .field("refused", c.refused, 10ms, 1h)
        .field("seed_retry_min", c.seed_retry_min, 10ms, 1h)
        .field("seed_retry_max", c.seed_retry_max, c.seed_retry_min, 1h)
        .field("rejoin_period", c.rejoin_period, 10ms, 1h)
        .field("fanout", c.fanout, 2, 32)
        .field("origin_fanout", c.origin_fanout, c.fanout, 64)
        .field("flush_interval", c.flush_interval, 0ms, 1s)
        .field("refresh_interval", c.refresh_interval, 0ms, 1h)
        .field("sketch_cells", c.sketch_cells, 96, 1U << 20)
        .field("max_rows", c.max_rows, 1, 50'000'000)
        .field("max_members", c.max_members, 1, 1'000'000)
        .field("horizon", c.horizon, 1s, 24h * 366)
        .field("max_ahead", c.max_ahead, 100ms, 24h)
        .field("snapshot_gap", c.snapshot_gap, 1, 50'000'000)
        .field("datagram_bytes_per_s", c.datagram_bytes_per_s, 10'000, 10'000'000'000)
        .field("stream_bytes_per_s", c.stream_bytes_per_s, 10'000, 10'000'000'000)
        .field("streams_in", c.streams_in, 1, 64)
        .field("streams_out", c.streams_out, 1, 64)
        .field("diffs_per_s_per_peer", c.diffs_per_s_per_peer, 1, 10'000)
        .field("peer_datagrams_per_s", c.peer_datagrams_per_s, 10, 10'000'000)
        .require(c.max_ahead < c.horizon, "max_ahead has to be shorter than horizon");
    if (const std::optional<Error>& error = bounds.error()) return *error;
    return config;
}

}  // namespace gossip
