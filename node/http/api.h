#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "node/http/exchange.h"
#include "node/http/list_cache.h"
#include "node/http/server.h"
#include "registry/seat_book.h"
#include "registry/view.h"

namespace node {

class Attachments;
struct Activity;
class Census;
class SeatCache;

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
    std::unique_ptr<SeatCache> seats;
    std::unique_ptr<registry::SeatBook> seat_book;  // for the core thread alone
    // When all live nodes were first known to follow an epoch of an app, and who these were: who
    // comes back from behind a partition was told later. For the core thread alone.
    struct Acked {
        std::uint64_t epoch = 0;
        std::uint64_t at_s = 0;
        std::set<gossip::NodeId> nodes = {};
    };
    std::map<std::string, Acked> acked;

    // Since the start. What was refused, and why; GET /v1/status shows them.
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> writes{0};
    std::atomic<std::uint64_t> writes_refused{0};

    [[nodiscard]] std::shared_ptr<const registry::View> view() const { return context.view.load(); }
    // Unix ms by the clock of the cluster, which tokens go by.
    [[nodiscard]] std::uint64_t cluster_ms() const;
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

void post_heartbeat(Api& api, const ExchangePtr& exchange);
void post_fence(Api& api, const ExchangePtr& exchange);
void post_drain(Api& api, const ExchangePtr& exchange);
void post_redeem(Api& api, const ExchangePtr& exchange);
void get_instruction(Api& api, const ExchangePtr& exchange);

void get_apps(Api& api, const ExchangePtr& exchange);
void get_events(Api& api, const ExchangePtr& exchange);
void delete_app_version(Api& api, const ExchangePtr& exchange);
void get_app(Api& api, const ExchangePtr& exchange);
void put_app(Api& api, const ExchangePtr& exchange);
void post_decision(Api& api, const ExchangePtr& exchange);
void get_endpoint(Api& api, const ExchangePtr& exchange);
void get_legacy_endpoint(Api& api, const ExchangePtr& exchange);
void get_available(Api& api, const ExchangePtr& exchange);
void get_available_list(Api& api, const ExchangePtr& exchange);

void get_nodes(Api& api, const ExchangePtr& exchange);
void get_status(Api& api, const ExchangePtr& exchange);
void get_health(Api& api, const ExchangePtr& exchange);

// {"nodes":..,"agreeing":..,"unheard":..}
void append_agreement(std::string& out, const gossip::Agreement& agreement);
// One event as JSON.
void append_activity(std::string& out, const Activity& activity);

}  // namespace node
