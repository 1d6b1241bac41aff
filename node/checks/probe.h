#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "node/checks/policy.h"
#include "registry/health_check.h"

namespace node {

// How one try went.
struct Probed {
    enum class Outcome : std::uint8_t {
        up,       // the connection stands (tcp), or the answer was 2xx (http)
        down,     // a miss: nobody there, another answer, or none in time
        refused,  // the name leads only to addresses that checks may not go to
        unknown,  // our own trouble (descriptors, the resolver): says nothing of the application
    };
    Outcome outcome = Outcome::down;
    std::string why;   // unless up: for people
    std::string body;  // of an http answer; empty if it was longer than kMaxResponse
};

// Head and body together. Health is said in a hundred bytes.
constexpr std::size_t kMaxResponse = std::size_t{16} * 1024;

struct ProbeOrder {
    registry::Check::Kind kind = registry::Check::Kind::http;
    registry::CheckTarget target;
    std::chrono::milliseconds timeout{1000};  // for everything, the look-up of a name included
};

// Asks once: connects, and for http sends one GET and reads the answer. Redirects are not
// followed. `done` runs in a handler of `io`, once, and never from within probe(); if `io` stops
// before, it is dropped. `policy` must outlive `io`; `lookups` counts names being resolved, which
// Asio cannot interrupt.
void probe(asio::io_context& io, ProbeOrder order, const CheckPolicy& policy,
           std::atomic<int>& lookups, std::function<void(Probed)> done);

}  // namespace node
