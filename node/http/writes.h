#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gossip/core.h"
#include "node/http/api.h"
#include "registry/instance.h"

namespace node {

// What became of a write. No Record: those stay on the core thread.
struct WriteResult {
    gossip::PutStatus status = gossip::PutStatus::created;
    gossip::Stamp stamp;  // of the row as it is now; 0: there is none
};

// Queues one write. `answer` runs on the core thread when the write is durable and the view shows
// it, and makes the response; a full queue is answered with busy().
using Answer = Response (*)(Api&, const std::string& address, const WriteResult&);
void submit_write(Api& api, const ExchangePtr& exchange, gossip::LocalWrite write, Answer answer);

// 403 if the instance wants to be checked where checks may not go.
[[nodiscard]] std::optional<Response> forbidden(const Api& api, const registry::Instance& instance);

// The refusal: 400, 404, 409 with the current row, 413 or 507.
[[nodiscard]] Response refused(Api& api, const std::string& address, const WriteResult& result);

[[nodiscard]] std::uint64_t unix_seconds();

}  // namespace node
