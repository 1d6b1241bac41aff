#include "node/http/writes.h"

#include <algorithm>
#include <ctime>

#include "gossip/check.h"
#include "gossip/table.h"
#include "registry/json.h"
#include "registry/registration.h"

namespace node {
namespace {

using gossip::PutStatus;

// A check renews a row by our clock. The application's own may be behind, or only count: what it
// says now is not old because of that.
void keep_pace(const gossip::Core& core, gossip::LocalWrite& write) {
    const gossip::Record* current = core.table().find(write.kind, write.key);
    if (current == nullptr || current->tombstone()) return;
    if (!registry::decode_check(current->fields())) return;
    write.last_update = std::max(write.last_update, core.last_update(*current));
}

// One write on its way to the core and back: two closures share it.
struct Pending {
    Api& api;
    ExchangePtr exchange;
    gossip::LocalWrite write;
    Answer answer;
    WriteResult result;
};

std::string current_row(Api& api, const std::string& address) {
    const auto view = api.view();
    const registry::Row* row = view->find(address);
    return R"(,"current":)" + (row ? std::string{row->fragment()} : "null");
}

}  // namespace

std::uint64_t unix_seconds() {
    return static_cast<std::uint64_t>(std::time(nullptr));
}

void submit_write(Api& api, const ExchangePtr& exchange, gossip::LocalWrite write, Answer answer) {
    api.writes.fetch_add(1, std::memory_order_relaxed);
    auto pending = std::make_shared<Pending>(Pending{api, exchange, std::move(write), answer, {}});
    const bool queued = api.context.core.submit(
        [pending](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            gossip::LocalWrite& write_now = pending->write;
            if (!write_now.tombstone) keep_pace(core, write_now);
            const gossip::PutResult put =
                write_now.tombstone ? core.put(write_now, now, out)
                                    : registry::put_registration(core, write_now, now, out);
            pending->result.status = put.status;
            if (put.current) pending->result.stamp = put.current.stamp();
        },
        [pending] {
            Pending& p = *pending;
            if (!registry::accepted(p.result.status)) p.api.writes_refused.fetch_add(1);
            p.exchange->send(p.answer(p.api, p.write.key, p.result));
        });
    if (!queued) exchange->send(busy());
}

std::optional<Response> forbidden(const Api& api, const registry::Instance& instance) {
    if (!instance.check) return std::nullopt;
    const auto refusal = api.context.checks.refusal(instance.address, *instance.check);
    if (!refusal) return std::nullopt;
    return problem(403, refusal->message,
                   "check the instance's own host, on any port, or start the node with "
                   "--check-hosts");
}

Response refused(Api& api, const std::string& address, const WriteResult& result) {
    const std::string who = registry::in_quotes(address);
    switch (result.status) {
        case PutStatus::stale:
            return problem(409, who + " is known with a later last_update",
                           "send the time of this registration; the newer one is in `current`",
                           current_row(api, address));
        case PutStatus::conflict:
            return problem(409, who + " is not at the version that the condition names",
                           "read `current`, then send its ver as If-Match",
                           current_row(api, address));
        case PutStatus::future:
            return problem(400, "last_update of " + who + " is more than 60 s ahead of our clock",
                           "send Unix seconds, not milliseconds, from a clock that is right");
        case PutStatus::not_found:
            return problem(404, "there is no instance " + who,
                           "GET /v1/instances lists what there is");
        case PutStatus::too_large:
            return problem(413, "the row of " + who + " would exceed 1,100 bytes",
                           "shorten its metadata or its names");
        case PutStatus::table_full:
            return problem(507, "the registry holds as many rows as it may",
                           "deregister instances, or raise max_rows");
        case PutStatus::created:
        case PutStatus::updated:
        case PutStatus::renewed:
        case PutStatus::forwarded:
            break;
    }
    CHECK(!"a write that was accepted is no refusal");
    return {};
}

}  // namespace node
