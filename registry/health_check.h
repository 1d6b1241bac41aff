#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gossip/result.h"

namespace registry {

// How the node that an instance registered at finds out whether it lives, for applications that
// cannot heartbeat: it asks them.
struct Check {
    enum class Kind : std::uint8_t { http = 1, tcp = 2 };  // as in records: never renumbered

    Kind kind = Kind::http;
    std::string target;  // http: a URL, http://host[:port][/path]; tcp: host:port
    std::uint32_t interval_ms = 5'000;
    std::uint32_t timeout_ms = 1'000;  // of one try as a whole
    bool operator==(const Check&) const = default;
};

constexpr int kMissesToExpire = 3;            // in a row
constexpr std::size_t kMaxCheckTarget = 256;  // bytes: it shares the record with all the rest
// Below a second an operator wants a connection, not a check; above ten minutes the lease that
// spans four intervals would exceed kMaxTtl.
constexpr std::uint32_t kMinCheckInterval = 1'000;  // ms
constexpr std::uint32_t kMaxCheckInterval = 600'000;
constexpr std::uint32_t kMinCheckTimeout = 100;  // and at most the interval

// Where a check goes.
struct CheckTarget {
    std::string host;  // without brackets
    std::uint16_t port = 0;
    std::string path;  // http: the path and query to GET; else empty
    bool operator==(const CheckTarget&) const = default;
};

[[nodiscard]] std::string_view name(Check::Kind kind);  // also the member of its JSON

// What `target` means, else what is wrong with it. Nothing in it could end a line of a request.
[[nodiscard]] gossip::Result<CheckTarget> parse_target(Check::Kind kind, std::string_view target);
// nullopt if the check keeps every limit.
[[nodiscard]] std::optional<gossip::Error> check_limits(const Check& check);

// Seconds: the shortest lease that lets kMissesToExpire tries fail before it lapses, and the one
// that an instance with a check gets when it does not ask for any.
[[nodiscard]] std::uint32_t least_ttl(const Check& check);
[[nodiscard]] std::uint32_t default_ttl(const Check& check);

// The host of a valid address, without brackets and port.
[[nodiscard]] std::string_view host_of(std::string_view address);

// `{"http":"...","interval":"5s","timeout":"1s"}`
void append_check(std::string& out, const Check& check);

}  // namespace registry
