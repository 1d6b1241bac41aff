#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/http/exchange.h"
#include "node/http/list_cache.h"
#include "node/http/server.h"
#include "registry/view.h"

namespace node {

class Attachments;
class Census;

// Runs `action` on an HTTP thread after `delay`; drops it when the server stops.
using Later = std::function<void(std::chrono::milliseconds delay, std::function<void()> action)>;

// What every handler works with. One per server, shared by its threads.
struct Api {
    Api(HttpContext context_of_node, HttpLimits limits_of_server, Later run_later);
    ~Api();

    HttpContext context;
    HttpLimits limits;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    Later later;
    ListCache list;
    std::shared_ptr<Census> census;
    std::shared_ptr<Attachments> attachments;

    // Since the start. What was refused, and why; GET /v1/status shows them.
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> writes{0};
    std::atomic<std::uint64_t> writes_refused{0};

    [[nodiscard]] std::shared_ptr<const registry::View> view() const { return context.view.load(); }
};

// Answers `exchange`, at once or when the core has. Any thread; never blocks.
void route(Api& api, const ExchangePtr& exchange);

// ---- one per resource; the table in router.cpp says which request reaches which

void get_registry_list(Api& api, const ExchangePtr& exchange);
void post_register_instance(Api& api, const ExchangePtr& exchange);
void post_register_all(Api& api, const ExchangePtr& exchange);
void get_perform_update(Api& api, const ExchangePtr& exchange);
void get_ip(Api& api, const ExchangePtr& exchange);

void get_instances(Api& api, const ExchangePtr& exchange);
void get_instance(Api& api, const ExchangePtr& exchange);
void put_instance(Api& api, const ExchangePtr& exchange);
void delete_instance(Api& api, const ExchangePtr& exchange);
void get_attach(Api& api, const ExchangePtr& exchange);

void get_nodes(Api& api, const ExchangePtr& exchange);
void get_status(Api& api, const ExchangePtr& exchange);
void get_health(Api& api, const ExchangePtr& exchange);

}  // namespace node
