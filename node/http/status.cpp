#include <string>

#include "node/http/api.h"
#include "node/http/attachments.h"
#include "node/http/census.h"
#include "node/http/query.h"
#include "registry/json.h"

namespace node {
namespace {

using Members = registry::ObjectWriter;

void append_states(std::string& out, const registry::View& view) {
    Members members(out);
    for (std::size_t i = 0; i < registry::kStates; ++i) {
        const auto state = static_cast<registry::State>(i);
        members.number(registry::name(state), view.count(state));
    }
}

void append_counters(std::string& out, const gossip::Counters& c) {
    Members members(out);
    members.number("datagrams_in", c.datagrams_in);
    members.number("datagrams_out", c.datagrams_out);
    members.number("bytes_in", c.bytes_in);
    members.number("bytes_out", c.bytes_out);
    members.number("stream_bytes_in", c.stream_bytes_in);
    members.number("stream_bytes_out", c.stream_bytes_out);
    members.number("flood_records_in", c.flood_records_in);
    members.number("flood_records_new", c.flood_records_new);
    members.number("repair_bytes_out", c.repair_bytes_out);
    members.number("repair_control_bytes_out", c.repair_control_bytes_out);
    members.number("exchanges", c.exchanges);
    members.number("diffs", c.diffs);
    members.number("peel_failures", c.peel_failures);
    members.number("syncs", c.syncs);
    members.number("snapshots_served", c.snapshots_served);
}

void append_dropped(std::string& out, const gossip::Counters& c) {
    Members members(out);
    members.number("malformed", c.malformed);
    members.number("foreign_cluster", c.foreign_cluster);
    members.number("foreign_version", c.foreign_version);
    members.number("unknown_type", c.unknown_type);
    members.number("below_horizon", c.below_horizon);
    members.number("from_future", c.from_future);
    members.number("table_full", c.table_full);
    members.number("egress_limited", c.egress_limited);
    members.number("ingress_limited", c.ingress_limited);
    members.number("clock_refused", c.clock_refused);
}

void append_http(std::string& out, const Api& api) {
    Members members(out);
    members.number("requests", api.requests.load(std::memory_order_relaxed));
    members.number("writes", api.writes.load(std::memory_order_relaxed));
    members.number("writes_refused", api.writes_refused.load(std::memory_order_relaxed));
}

void append_checks(std::string& out, const CheckCounters& c) {
    Members members(out);
    members.number("known", c.known);
    members.number("running", c.running);
    members.number("runs", c.runs);
    members.number("missed", c.missed);
    members.number("refused", c.refused);
    members.number("dropped", c.dropped);
    members.number("odd", c.odd);
}

std::string digest(const gossip::Cell& cell) {
    std::string hex;
    registry::append_hex(hex, cell.digests());
    return hex;
}

std::string status_json(const Api& api, const CoreStatus& core) {
    const auto view = api.view();
    const auto up = std::chrono::steady_clock::now() - api.started;
    std::string out;
    {
        Members members(out);
        registry::append_hex(members.name("id") += '"', api.context.self.id.value);
        out += '"';
        members.text("name", api.context.self.name);
        members.text("cluster", api.context.cluster);
        members.text("version", api.context.version);
        members.text("http", api.context.self.http);
        members.number("uptime_s",
                       static_cast<std::uint64_t>(
                           std::chrono::duration_cast<std::chrono::seconds>(up).count()));
        members.name("joined") += core.joined ? "true" : "false";
        members.name("partition_suspected") += core.partition_suspected ? "true" : "false";
        members.number("rows", core.rows);
        members.number("revision", view->revision());
        members.text("digest", digest(core.fingerprint));
        append_agreement(members.name("agreement"), core.agreement);
        members.number("instances", view->size());
        append_states(members.name("states"), *view);
        members.number("attached", api.attachments->count());
        members.name("clock_offset_ms") += std::to_string(core.clock_offset.count());
        append_counters(members.name("counters"), core.counters);
        append_dropped(members.name("dropped"), core.counters);
        append_http(members.name("http_counters"), api);
        if (const CheckCounters* checks = api.context.check_counters) {
            append_checks(members.name("checks"), *checks);
        }
    }
    return out;
}

}  // namespace

void append_agreement(std::string& out, const gossip::Agreement& agreement) {
    Members members(out);
    members.number("nodes", agreement.nodes);
    members.number("agreeing", agreement.agreeing);
    members.number("unheard", agreement.unheard);
}

void get_status(Api& api, const ExchangePtr& exchange) {
    const auto parameters = parse_query(exchange->request().query, {"census"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    bool census = true;
    if (!parameters->empty()) {
        const auto wanted = parse_flag("census", parameters->front().second);
        if (!wanted) return exchange->send(problem(wanted.error()));
        census = *wanted;
    }
    const auto answer = [&api, exchange](const CoreStatus& core) {
        exchange->send(json(status_json(api, core)));
    };
    const bool queued = census ? api.census->ask(answer) : api.census->glance(answer);
    if (!queued) exchange->send(busy());
}

}  // namespace node
