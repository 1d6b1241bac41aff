#include "node/http/api.h"
#include "registry/json.h"

namespace node {

// Healthy is a node whose core completes a turn: a core that hangs gives no answer at all, which
// every health check takes for what it is.
void get_health(Api& api, const ExchangePtr& exchange) {
    auto joined = std::make_shared<bool>();
    const bool queued = api.context.core.submit(
        [joined](gossip::Core& core, gossip::Now, gossip::Output&) { *joined = core.joined(); },
        [&api, exchange, joined] {
            std::string body = R"({"status":"ok","name":)";
            registry::append_string(body, api.context.self.name);
            body += R"(,"joined":)";
            body += *joined ? "true}" : "false}";
            exchange->send(json(std::move(body)));
        });
    if (!queued) exchange->send(busy());
}

}  // namespace node
