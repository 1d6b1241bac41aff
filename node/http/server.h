#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "gossip/core.h"
#include "gossip/result.h"
#include "node/checks/counters.h"
#include "node/checks/policy.h"
#include "node/core_handle.h"
#include "node/published.h"
#include "registry/token.h"

namespace registry {
class View;
}

namespace node {

class ActivityLog;

// What one client may cost us. A request that exceeds it is told so, where that can still be said,
// and its connection closed.
struct HttpLimits {
    // Bytes of the largest body, that of register_all; handlers refuse more than their own with
    // 413. All unanswered requests together hold at most 128 MiB.
    std::size_t max_body = std::size_t{16} << 20;
    // More wait in the backlog of the listening socket. Lowered to what the process may open.
    std::size_t max_connections = 12'000;
    // Open connections of applications (attachments.h). Lowered to half of the connections of one
    // thread: whichever thread accepts them, as many remain for everybody else.
    std::size_t max_attached = 6'000;
    std::size_t max_headers = 64;           // of one request
    std::size_t max_header_bytes = 8'192;   // of one header, and of the request's target
    std::chrono::seconds request_time{30};  // from when we wait for it to its last byte; also idle
    std::chrono::seconds handle_time{30};   // until the core has the answer
    std::chrono::seconds write_time{30};  // until the client has taken the answer; request_time if
                                          // that is longer, for RESTinio reads on meanwhile
};

struct HttpOptions {
    std::string host = "127.0.0.1";  // a numeric address; "localhost", too
    std::uint16_t port = 7700;       // 0: any free one
    unsigned threads = 1;
    HttpLimits limits;
};

// What the server shows and changes. The references must outlive the server and every work that it
// has submitted to the core.
struct HttpContext {
    CoreHandle& core;
    const Published<registry::View>& view;
    gossip::Identity self;
    std::string cluster;
    std::string version;  // of this program
    CheckPolicy checks = {};
    const CheckCounters* check_counters = nullptr;  // nullptr: nothing is checked here
    registry::TokenKeys tokens = registry::TokenKeys::from_name("");
    // What the core adds to the wall clock, in ms; nullptr: nothing.
    const std::atomic<std::int64_t>* clock_offset_ms = nullptr;
    const ActivityLog* activity = nullptr;  // nullptr: nothing is remembered
};

// The API of one node: the legacy registry end points and /v1, on threads of its own.
//
// Reads answer from the published view and never wait for the core. Writes are parsed here, queued
// on the core and answered when they are durable and published. Thread-safe.
class HttpServer {
  public:
    // Listens when it returns. `unavailable` when the address cannot be had, `invalid` when `host`
    // is no address; the message names it. Raises the soft limit of open descriptors to the hard.
    static gossip::Result<std::unique_ptr<HttpServer>> start(HttpOptions options,
                                                             HttpContext context);
    ~HttpServer();  // stops
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    // Closes every connection and joins the threads; at once. Answers that the core gives later are
    // dropped, so the core may be stopped before or after. May be called twice.
    void stop();

    struct Running;  // everything that needs RESTinio

  private:
    explicit HttpServer(std::shared_ptr<Running> running);
    std::shared_ptr<Running> running_;
};

}  // namespace node
