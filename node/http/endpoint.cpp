#include <charconv>
#include <optional>
#include <random>
#include <utility>

#include "gossip/table.h"
#include "node/http/api.h"
#include "node/http/query.h"
#include "node/http/seat_cache.h"
#include "node/http/seat_desk.h"
#include "node/http/writes.h"
#include "registry/json.h"
#include "registry/resume.h"
#include "registry/selection.h"
#include "registry/token.h"

// Where a client goes: to a free seat of a version that accepts, or back to its session.

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using registry::Choice;
using registry::Row;
using registry::Session;
using registry::Token;

std::uint64_t random_word() {
    thread_local std::mt19937_64 random{[] {
        std::random_device device;
        return (std::uint64_t{device()} << 32) | device();
    }()};
    return random();
}

Result<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t value = 0;
    const auto parsed = std::from_chars(text.begin(), text.end(), value);
    if (parsed.ec == std::errc{} && parsed.ptr == text.end()) return value;
    return Error{Errc::invalid, "protocol: " + registry::in_quotes(text) +
                                    " is no number or range such as 3 or 3-5"};
}

Result<registry::ProtocolRange> parse_protocol(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto low = parse_number(text.substr(0, dash));
    if (!low) return low.error();
    const auto high = dash == std::string_view::npos ? Result<std::uint32_t>{*low}
                                                     : parse_number(text.substr(dash + 1));
    if (!high) return high.error();
    return registry::ProtocolRange{*low, *high};
}

struct Question {
    std::string app;
    registry::Seeker seeker;
    std::string token;
};

Result<Question> parse_question(const Request& request) {
    Question q;
    const auto app = name_in(request.path, "/v1/apps/", "/endpoint");
    if (!app) return app.error();
    q.app = *app;
    const auto parameters = parse_query(request.query, {"client", "token", "protocol"});
    if (!parameters) return parameters.error();
    for (const auto& [name, value] : *parameters) {
        if (name == "client") q.seeker.client = value;
        if (name == "token") q.token = value;
        if (name == "protocol") {
            const auto range = parse_protocol(value);
            if (!range) return range.error();
            q.seeker.protocol = *range;
        }
    }
    q.seeker.chance = random_word();
    return q;
}

// Why there is no address, for people and for what they write to a log.
std::string_view explain(Choice::Outcome outcome) {
    switch (outcome) {
        case Choice::Outcome::go:
            return "";
        case Choice::Outcome::full:
            return "every instance that accepts clients is full";
        case Choice::Outcome::no_version:
            return "no version accepts clients: none of its instances is up";
        case Choice::Outcome::no_protocol:
            return "no instance that accepts clients speaks this protocol";
        case Choice::Outcome::unknown_app:
            return "no instance of this app has ever registered";
    }
    return "";
}

// `leased`: this node has a seat for it.
void append_candidate(std::string& out, const Api& api, const Row& row, const registry::AppRow& app,
                      bool leased) {
    Token ticket = registry::ticket_for(row, app.app.policy, random_word(), api.cluster_ms());
    ticket.lessee = leased ? api.context.self.id.value : 0;
    out += R"({"address":)";
    registry::append_string(out, row.address());
    out += R"(,"version":)";
    registry::append_string(out, row.version());
    out += R"(,"zone":)";
    registry::append_string(out, row.zone());
    out += R"(,"ticket":")";
    out += api.context.tokens.sign(ticket);
    out += R"(","expires":)";
    registry::append_number(out, ticket.expires_s);
    out += '}';
}

// What became of the token, if there was one.
struct Return {
    std::string_view session = {};
    std::string reason = {};
};

// `{"outcome":..,"reason":..,"address":.. or null,"candidates":[..],"epoch":..}`; what became of
// the token, if there was one, comes first. `leased`: of the first candidate.
Response placed(const Api& api, const registry::SeatMap& seats, const Choice& choice,
                const Return& token, bool leased) {
    std::string body = "{";
    if (!token.session.empty()) {
        body += R"("session":")";
        body += token.session;
        body += R"(","session_reason":)";
        registry::append_string(body, token.reason);
        body += ',';
    }
    body += R"("outcome":")";
    body += registry::name(choice.outcome);
    body += R"(","reason":)";
    registry::append_string(body, choice.older ? "the accepting version is full, an older one helps"
                                               : explain(choice.outcome));
    body += R"(,"address":)";
    if (choice.candidates.empty()) {
        body += "null";
    } else {
        registry::append_string(body, choice.candidates.front()->address());
    }
    body += R"(,"candidates":[)";
    for (const Row* row : choice.candidates) {
        append_candidate(body, api, *row, *seats.app(), std::exchange(leased, false));
        body += ',';
    }
    if (body.back() == ',') body.pop_back();
    body += R"(],"epoch":")";
    registry::append_number(body, seats.app() ? seats.app()->epoch : 0);
    Response response = json(body + "\"}");
    if (choice.outcome == Choice::Outcome::unknown_app) response.status = 404;
    if (choice.outcome != Choice::Outcome::go && response.status == 200) response.status = 503;
    return response;
}

// packed: the first candidate is a server of which this node has a seat. Each answer that there is
// none leads to the next server, within reason; who cannot be asked is offered as the view has it,
// and the instance decides.
constexpr int kMaxServersAsked = 64;

void place_packed(Api& api, const ExchangePtr& exchange, const std::shared_ptr<Question>& q,
                  const Return& token, int asked) {
    const auto seats = api.seats->seats(api.view(), q->app);
    const Choice choice = api.desk->choose(*seats, q->seeker);
    const Row* first = choice.candidates.empty() ? nullptr : choice.candidates.front();
    const bool limited = first != nullptr && first->capacity() > 0;
    const bool leased = limited && api.desk->take(*first);
    if (!limited || leased || asked >= kMaxServersAsked) {
        return exchange->send(placed(api, *seats, choice, token, leased));
    }
    api.desk->lease(*first, [&api, exchange, q, token, asked, seats, choice](bool answered) {
        if (answered) return place_packed(api, exchange, q, token, asked + 1);
        exchange->send(placed(api, *seats, choice, token, false));
    });
}

void place(Api& api, const ExchangePtr& exchange, const std::shared_ptr<Question>& q,
           const Return& token) {
    const auto seats = api.seats->seats(api.view(), q->app);
    if (seats->app() && seats->app()->app.policy.pick == registry::Pick::packed) {
        return place_packed(api, exchange, q, token, 0);
    }
    exchange->send(placed(api, *seats, seats->choose(q->seeker), token, false));
}

// Back to the instance that has the session, whatever its role.
Response back(const Token& token) {
    std::string body = R"({"session":"go","outcome":"go","reason":"","address":)";
    registry::append_string(body, token.address);
    body += R"(,"version":)";
    registry::append_string(body, token.version);
    return json(body + R"(,"candidates":[]})");
}

// Not now: what this node knows proves nothing. To ask again, here or elsewhere, is right.
Response unknown_yet(std::string_view why) {
    std::string body = R"({"session":"unknown","outcome":"retry","reason":)";
    registry::append_string(body, why);
    Response response = json(body + R"(,"retry_after_ms":200,"address":null,"candidates":[]})");
    response.status = 503;
    return response;
}

// Reads the table, which knows tombstones; and looks for what is missing right away.
void find_session(Api& api, const ExchangePtr& exchange, const std::shared_ptr<Question>& q,
                  const Token& token) {
    auto verdict = std::make_shared<Session>(Session::unknown);
    const bool queued = api.context.core.submit(
        [verdict, token](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            *verdict = registry::judge(
                token, core.table().find(gossip::RecordKind::instance, token.address));
            if (*verdict == Session::unknown) (void)core.exchange_now(now, out);
        },
        [verdict, &api, exchange, q, token] {
            switch (*verdict) {
                case Session::go:
                    return exchange->send(back(token));
                case Session::gone:
                    return place(api, exchange, q,
                                 {"gone", "the instance that had the session has ended"});
                case Session::unknown:
                    return exchange->send(unknown_yet(
                        "this node has not heard of that life of the instance, or not lately"));
            }
        });
    if (!queued) exchange->send(busy());
}

}  // namespace

void get_endpoint(Api& api, const ExchangePtr& exchange) {
    auto question = parse_question(exchange->request());
    if (!question) return exchange->send(problem(question.error()));
    auto q = std::make_shared<Question>(*std::move(question));
    if (q->token.empty()) return place(api, exchange, q, {});
    const auto token = api.context.tokens.verify(q->token, api.cluster_ms() / 1000);
    if (!token) return place(api, exchange, q, {"gone", token.error().message});
    if (token->kind != Token::Kind::resume || token->app != q->app) {
        return exchange->send(problem(400, "the token is no resume token of this app",
                                      "send the token that the server got when it redeemed the "
                                      "ticket; a ticket is for the server"));
    }
    // What the view knows for sure needs no core.
    const auto view = api.view();
    if (registry::judge(*token, view->find(token->address)) == Session::go) {
        return exchange->send(back(*token));
    }
    find_session(api, exchange, q, *token);
}

// ---- the legacy ones

namespace {

// The apps that a legacy request is about: the one that it names, or all.
Result<std::vector<std::string>> apps_of(const Request& request, const registry::View& view) {
    const auto parameters = parse_query(request.query, {"app_name"});
    if (!parameters) return parameters.error();
    if (!parameters->empty()) return std::vector{parameters->front().second};
    std::vector<std::string> all;
    for (const auto& row : view.apps()) all.push_back(row->app.name);
    return all;
}

// A free seat of the first app that has one, else the first backup, else "".
std::string any_address(Api& api, const std::vector<std::string>& apps) {
    std::string backup;
    for (const std::string& app : apps) {
        const auto seats = api.seats->seats(api.view(), app);
        const Choice choice = seats->choose({"", {}, random_word()});
        if (!choice.candidates.empty()) return std::string{choice.candidates.front()->address()};
        if (backup.empty() && seats->app()) backup = seats->app()->app.policy.backup;
    }
    return backup;
}

}  // namespace

void get_legacy_endpoint(Api& api, const ExchangePtr& exchange) {
    const auto apps = apps_of(exchange->request(), *api.view());
    if (!apps) return exchange->send(problem(apps.error()));
    if (exchange->request().query.empty()) {
        return exchange->send(problem(400, "app_name is missing", "ask for ?app_name=NAME"));
    }
    std::string body = R"({"endpoint":)";
    registry::append_string(body, any_address(api, *apps));
    Response response = json(body + '}');
    response.any_origin = true;
    exchange->send(std::move(response));
}

void get_available(Api& api, const ExchangePtr& exchange) {
    const auto apps = apps_of(exchange->request(), *api.view());
    if (!apps) return exchange->send(problem(apps.error()));
    std::string body = R"({"available":)";
    registry::append_string(body, any_address(api, *apps));
    exchange->send(json(body + '}'));
}

void get_available_list(Api& api, const ExchangePtr& exchange) {
    const auto view = api.view();
    const auto apps = apps_of(exchange->request(), *view);
    if (!apps) return exchange->send(problem(apps.error()));
    std::string body = R"({"server_list":[)";
    for (const std::string& app : *apps) {
        const auto seats = api.seats->seats(view, app);
        for (const Row* row : seats->open()) {
            if (body.back() != '[') body += ',';
            registry::append_string(body, row->address());
        }
    }
    exchange->send(json(body + "]}"));
}

}  // namespace node
