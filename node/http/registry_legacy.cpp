#include <algorithm>
#include <vector>

#include "node/http/api.h"
#include "node/http/writes.h"
#include "registry/json.h"
#include "registry/registration.h"

// The end points of the systems that this one replaces, in their exact shapes.

namespace node {
namespace {

Response registered(Api& api, const std::string& address, const WriteResult& result) {
    return registry::accepted(result.status) ? text("success") : refused(api, address, result);
}

// A whole table from another registry, put into the core slice by slice, so that other work gets
// its turn in between and a slice is one transaction.
struct Bulk {
    static constexpr std::size_t kSlice = 1'000;  // about 2 ms of the core thread

    Api& api;
    ExchangePtr exchange;
    std::vector<registry::Instance> rows;
    std::size_t next = 0;
    std::size_t refusals = 0;  // other than stale: an older row is what a merge leaves out
    Response first_refusal = {};
    std::string first_address = {};
    WriteResult first_result = {};
};

void put_slice(Bulk& bulk, gossip::Core& core, gossip::Now now, gossip::Output& out) {
    const std::size_t end = std::min(bulk.rows.size(), bulk.next + Bulk::kSlice);
    for (; bulk.next < end; ++bulk.next) {
        gossip::LocalWrite write = registry::encode(bulk.rows[bulk.next]);
        const gossip::PutStatus status = registry::put_registration(core, write, now, out).status;
        if (registry::accepted(status) || status == gossip::PutStatus::stale) continue;
        bulk.api.writes_refused.fetch_add(1, std::memory_order_relaxed);
        if (bulk.refusals++ > 0) continue;
        bulk.first_address = write.key;
        bulk.first_result.status = status;
    }
}

Response merged(const Bulk& bulk) {
    if (bulk.refusals == 0) return text("Success!");
    const Response why = refused(bulk.api, bulk.first_address, bulk.first_result);
    return problem(why.status,
                   std::to_string(bulk.refusals) + " of " + std::to_string(bulk.rows.size()) +
                       " rows were refused, first " + registry::in_quotes(bulk.first_address),
                   "the others are merged; register that one alone to see why it is refused");
}

void submit_slice(const std::shared_ptr<Bulk>& bulk) {
    const bool queued = bulk->api.context.core.submit(
        [bulk](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            put_slice(*bulk, core, now, out);
        },
        [bulk] {
            if (bulk->next < bulk->rows.size()) {
                submit_slice(bulk);
            } else {
                bulk->exchange->send(merged(*bulk));
            }
        });
    if (!queued) bulk->exchange->send(busy());
}

}  // namespace

void get_registry_list(Api& api, const ExchangePtr& exchange) {
    const auto page = api.list.page(api.view());
    Response response;
    response.etag = page->etag;
    if (none_match_hits(exchange->request().if_none_match, page->etag)) {
        response.status = 304;
    } else {
        response.shared_body = page->body;
    }
    exchange->send(std::move(response));
}

void post_register_instance(Api& api, const ExchangePtr& exchange) {
    const auto instance = registry::parse_instance(
        exchange->request().body, {.dialect = registry::Dialect::legacy, .address = {}});
    if (!instance) return exchange->send(problem(instance.error()));
    if (auto no = forbidden(api, *instance)) return exchange->send(*std::move(no));
    submit_write(api, exchange, registry::encode(*instance), registered);
}

void post_register_all(Api& api, const ExchangePtr& exchange) {
    auto rows = registry::parse_register_all(exchange->request().body);
    if (!rows) return exchange->send(problem(rows.error()));
    for (const registry::Instance& row : *rows) {
        if (auto no = forbidden(api, row)) return exchange->send(*std::move(no));
    }
    api.writes.fetch_add(rows->size(), std::memory_order_relaxed);
    submit_slice(std::make_shared<Bulk>(Bulk{api, exchange, std::move(rows).value()}));
}

void get_perform_update(Api& api, const ExchangePtr& exchange) {
    auto peer = std::make_shared<gossip::NodeId>();
    const bool queued = api.context.core.submit(
        [peer](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            *peer = core.exchange_now(now, out);
        },
        [&api, exchange, peer] {
            if (peer->value == 0) return exchange->send(json(R"({"with":null})"));
            std::string body = R"({"with":")";
            registry::append_hex(body, peer->value);
            body += R"(","name":)";
            const auto view = api.view();
            const auto& nodes = view->nodes();
            const auto node = std::find_if(nodes.begin(), nodes.end(),
                                           [&](const auto& row) { return row.id == *peer; });
            registry::append_string(body, node == nodes.end() ? "" : node->name);
            exchange->send(json(body + '}'));
        });
    if (!queued) exchange->send(busy());
}

void get_ip(Api&, const ExchangePtr& exchange) {
    exchange->send(text(exchange->client()));
}

}  // namespace node
