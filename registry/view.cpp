#include "registry/view.h"

#include <arpa/inet.h>

#include <algorithm>
#include <tuple>

#include "registry/json.h"

namespace registry {
namespace {

bool matches(const Row& row, const Filter& filter) {
    return (!filter.app || row.app() == *filter.app) &&
           (!filter.version || row.version() == *filter.version) &&
           (!filter.state || row.state() == *filter.state) &&
           (!filter.zone || row.zone() == *filter.zone);
}

// Adds up to `limit` matching rows from `at` on, as long as inside(row).
template <class Pointer, class Inside>
void collect(Cursor<Pointer> at, Inside inside, const Filter& filter,
             std::vector<const Row*>& rows) {
    for (std::size_t left = filter.limit; left > 0 && at.valid() && inside(*at); at.next()) {
        if (!matches(*at, filter)) continue;
        rows.push_back(&*at);
        --left;
    }
}

bool by_address(const Row* a, const Row* b) {
    return a->address() < b->address();
}

}  // namespace

const Row* View::find(std::string_view address) const {
    const Cursor<Owner> at{by_address_,
                           [address](const Row& row) { return row.address() < address; }};
    return at.valid() && at->address() == address ? &*at : nullptr;
}

void View::append_version(const Filter& filter, const Group& group,
                          std::vector<const Row*>& rows) const {
    const auto group_of = [](const Row& row) { return std::tuple{row.app(), row.version()}; };
    const Cursor<const Row*> first{by_app_, [&](const Row& row) {
                                       const auto order = group_of(row) <=> group;
                                       return order < 0 || (order == 0 && !filter.after.empty() &&
                                                            row.address() <= filter.after);
                                   }};
    collect(
        first, [&](const Row& row) { return group_of(row) == group; }, filter, rows);
}

const AppRow* View::app(std::string_view name) const {
    const auto at = std::lower_bound(
        apps_->begin(), apps_->end(), name,
        [](const auto& row, std::string_view wanted) { return row->app.name < wanted; });
    return at != apps_->end() && (*at)->app.name == name ? at->get() : nullptr;
}

std::vector<const Row*> View::select(const Filter& filter) const {
    std::vector<const Row*> rows;
    if (filter.app && filter.version) {
        append_version(filter, {*filter.app, *filter.version}, rows);
    } else if (filter.app) {
        const std::string_view app = *filter.app;
        Cursor<const Row*> at{by_app_, [app](const Row& row) { return row.app() < app; }};
        while (at.valid() && at->app() == app) {
            const std::string_view version = at->version();
            append_version(filter, {app, version}, rows);
            at = Cursor<const Row*>{
                by_app_, [&](const Row& row) {
                    return std::tuple{row.app(), row.version()} <= std::tuple{app, version};
                }};
        }
        // Each version gave its first `limit` rows, so the first `limit` of all are among them.
        std::sort(rows.begin(), rows.end(), by_address);
        if (rows.size() > filter.limit) rows.resize(filter.limit);
    } else if (filter.state) {
        const State state = *filter.state;
        const Cursor<const Row*> first{by_state_, [&](const Row& row) {
                                           return row.state() < state ||
                                                  (row.state() == state && !filter.after.empty() &&
                                                   row.address() <= filter.after);
                                       }};
        collect(
            first, [state](const Row& row) { return row.state() == state; }, filter, rows);
    } else {
        const Cursor<Owner> first{by_address_, [&filter](const Row& row) {
                                      return !filter.after.empty() && row.address() <= filter.after;
                                  }};
        collect(
            first, [](const Row& /*row*/) { return true; }, filter, rows);
    }
    return rows;
}

std::vector<VersionCount> View::counts() const {
    std::vector<VersionCount> counts;
    for (Cursor<const Row*> at{by_app_}; at.valid(); at.next()) {
        if (counts.empty() || counts.back().app != at->app() ||
            counts.back().version != at->version()) {
            counts.push_back({at->app(), at->version()});
        }
        ++counts.back().by_state[static_cast<std::size_t>(at->state())];
    }
    return counts;
}

std::size_t View::list_bytes() const {
    return fragment_bytes_ + (size_ == 0 ? 2 : 1 + size_);
}

void View::append_list(std::string& out) const {
    out.reserve(out.size() + list_bytes());
    out += '{';
    const std::size_t first = out.size();
    for (Cursor<Owner> at{by_address_}; at.valid(); at.next()) {
        if (out.size() != first) out += ',';
        out += '"';
        out += at->address();
        out += "\":";
        out += at->fragment();
    }
    out += '}';
}

void View::append_nodes(std::string& out) const {
    out += '[';
    for (const NodeRow& node : *nodes_) {
        if (&node != nodes_->data()) out += ',';
        out += "{\"id\":\"";
        append_hex(out, node.id.value);
        out += "\",\"name\":";
        append_string(out, node.name);
        out += ",\"state\":\"";
        out += name(node.state);
        out += "\",\"gossip\":";
        append_string(out, node.gossip);
        out += ",\"http\":";
        append_string(out, node.http);
        out += ",\"incarnation\":";
        append_number(out, node.incarnation_ms);
        out += ",\"protocol\":{\"min\":";
        append_number(out, node.protocol.min);
        out += ",\"max\":";
        append_number(out, node.protocol.max);
        out += "}}";
    }
    out += ']';
}

void append_rows(std::string& out, std::span<const Row* const> rows) {
    std::size_t bytes = 2 + rows.size();
    for (const Row* row : rows) bytes += row->fragment().size();
    out.reserve(out.size() + bytes);
    out += '[';
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i > 0) out += ',';
        out += rows[i]->fragment();
    }
    out += ']';
}

std::string to_text(const gossip::Endpoint& endpoint) {
    const auto& ip = endpoint.ip;
    const bool v4 = std::all_of(ip.begin(), ip.begin() + 10, [](auto b) { return b == 0; }) &&
                    ip[10] == 0xff && ip[11] == 0xff;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (v4) {
        CHECK(inet_ntop(AF_INET, ip.data() + 12, text.data(), text.size()));
    } else {
        CHECK(inet_ntop(AF_INET6, ip.data(), text.data(), text.size()));
    }
    std::string out = v4 ? text.data() : "[" + std::string(text.data()) + "]";
    out += ':';
    append_number(out, endpoint.port);
    return out;
}

}  // namespace registry
