#include <charconv>
#include <optional>

#include "node/http/api.h"
#include "node/http/fresh.h"
#include "node/http/query.h"
#include "node/http/writes.h"
#include "registry/json.h"
#include "registry/registration.h"

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;

// The address that the path names.
Result<std::string> address_of(const Request& request) {
    return address_in(request.path, "/v1/instances/", "");
}

std::string quoted_ver(gossip::Stamp stamp) {
    return '"' + registry::format_ver(stamp) + '"';
}

// Sets the condition that If-Match or If-None-Match asks for.
std::optional<Error> set_condition(const Request& request, gossip::LocalWrite& write) {
    if (!request.if_none_match.empty()) {
        if (request.if_none_match != "*" || !request.if_match.empty()) {
            return Error{Errc::invalid,
                         "If-None-Match: " + registry::in_quotes(request.if_none_match) +
                             "; a write takes * alone: only if there is no row"};
        }
        write.conditional = true;
        return std::nullopt;
    }
    const auto stamp = parse_if_match(request.if_match);
    if (!stamp) return stamp.error();
    if (!*stamp) return std::nullopt;
    write.conditional = true;
    write.if_stamp = **stamp;
    return std::nullopt;
}

Response put_answer(Api& api, const std::string& address, const WriteResult& result) {
    if (!registry::accepted(result.status)) return refused(api, address, result);
    const auto view = api.view();
    const registry::Row* row = view->find(address);
    if (row == nullptr) return json("{}");  // deleted in the same turn
    Response response = json(std::string{row->fragment()});
    response.etag = quoted_ver(row->stamp());
    return response;
}

Response delete_answer(Api& api, const std::string& address, const WriteResult& result) {
    if (!registry::accepted(result.status)) return refused(api, address, result);
    std::string body = R"({"deleted":)";
    registry::append_string(body, address);
    return json(body + '}');
}

Result<std::size_t> parse_limit(const std::string& text) {
    std::size_t limit = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, limit);
    if (parsed.ec != std::errc{} || parsed.ptr != end || limit == 0 || limit == SIZE_MAX) {
        return Error{Errc::invalid,
                     "limit: " + registry::in_quotes(text) + " is no number of rows from 1 on"};
    }
    return limit;
}

// What is asked for, and whether the owners should be asked first.
struct Selection {
    registry::Filter filter;
    bool fresh = false;
};

Result<Selection> parse_selection(std::string_view query) {
    auto parameters =
        parse_query(query, {"app", "version", "state", "zone", "limit", "after", "fresh"});
    if (!parameters) return parameters.error();
    Selection selection;
    registry::Filter& filter = selection.filter;
    for (const auto& [name, value] : *parameters) {
        if (name == "fresh") {
            const auto fresh = parse_flag(name, value);
            if (!fresh) return fresh.error();
            selection.fresh = *fresh;
        }
        if (name == "app") filter.app = value;
        if (name == "version") filter.version = value;
        if (name == "zone") filter.zone = value;
        if (name == "after") filter.after = value;
        if (name == "limit") {
            const auto limit = parse_limit(value);
            if (!limit) return limit.error();
            filter.limit = *limit;
        }
        if (name == "state") {
            filter.state = registry::state_of(value);
            if (!filter.state) {
                return Error{Errc::invalid,
                             "state: " + registry::in_quotes(value) +
                                 " is none of up, starting, draining, suspect, unreachable, "
                                 "expired, stopped"};
            }
        }
    }
    return selection;
}

// One page, and where the next one starts: at most filter.limit rows.
std::string page_of(const registry::View& view, registry::Filter filter) {
    const std::size_t limit = filter.limit;
    if (limit != SIZE_MAX) ++filter.limit;  // one more says whether there is a next page
    auto rows = view.select(filter);
    const bool more = rows.size() > limit;
    if (more) rows.resize(limit);

    std::string body;
    std::size_t bytes = 128;
    for (const registry::Row* row : rows) bytes += row->fragment().size() + 1;
    body.reserve(bytes);
    body += R"({"instances":)";
    registry::append_rows(body, rows);
    body += R"(,"revision":)";
    registry::append_number(body, view.revision());
    body += R"(,"next":)";
    if (more) {
        registry::append_string(body, rows.back()->address());
    } else {
        body += "null";
    }
    return body + '}';
}

void send_page(Api& api, const ExchangePtr& exchange, const registry::Filter& filter) {
    const auto view = api.view();
    const std::string etag = api.list.etag(view->revision());
    Response response;
    if (none_match_hits(exchange->request().if_none_match, etag)) {
        response.status = 304;
    } else {
        response = json(page_of(*view, filter));
    }
    response.etag = etag;
    exchange->send(std::move(response));
}

void send_row(Api& api, const ExchangePtr& exchange, const std::string& address) {
    const auto view = api.view();
    const registry::Row* row = view->find(address);
    if (row == nullptr) {
        return exchange->send(refused(api, address, {gossip::PutStatus::not_found, {}}));
    }
    Response response = json(std::string{row->fragment()});
    response.etag = quoted_ver(row->stamp());
    exchange->send(std::move(response));
}

}  // namespace

void get_instances(Api& api, const ExchangePtr& exchange) {
    const auto selection = parse_selection(exchange->request().query);
    if (!selection) return exchange->send(problem(selection.error()));
    if (!selection->fresh) return send_page(api, exchange, selection->filter);
    std::vector<std::string> addresses;
    const auto view = api.view();
    for (const registry::Row* row : view->select(selection->filter)) {
        addresses.emplace_back(row->address());
    }
    freshen(api, std::move(addresses),
            [&api, exchange, filter = selection->filter] { send_page(api, exchange, filter); });
}

void get_instance(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_of(request);
    if (!address) return exchange->send(problem(address.error()));
    const auto parameters = parse_query(request.query, {"fresh"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    if (parameters->empty()) return send_row(api, exchange, *address);
    const auto fresh = parse_flag("fresh", parameters->front().second);
    if (!fresh) return exchange->send(problem(fresh.error()));
    if (!*fresh) return send_row(api, exchange, *address);
    freshen(api, {*address},
            [&api, exchange, address = *address] { send_row(api, exchange, address); });
}

void put_instance(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_of(request);
    if (!address) return exchange->send(problem(address.error()));
    const auto instance = registry::parse_instance(
        request.body,
        {.dialect = registry::Dialect::v1, .address = *address, .now_s = unix_seconds()});
    if (!instance) return exchange->send(problem(instance.error()));
    if (auto no = forbidden(api, *instance)) return exchange->send(*std::move(no));
    gossip::LocalWrite write = registry::encode(*instance);
    if (const auto error = set_condition(request, write)) return exchange->send(problem(*error));
    submit_write(api, exchange, std::move(write), put_answer);
}

void delete_instance(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_of(request);
    if (!address) return exchange->send(problem(address.error()));
    gossip::LocalWrite write;
    write.key = *address;
    write.tombstone = true;
    write.timed_by_application = false;
    if (const auto error = set_condition(request, write)) return exchange->send(problem(*error));
    submit_write(api, exchange, std::move(write), delete_answer);
}

}  // namespace node
