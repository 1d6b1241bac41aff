#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <utility>

#include "node/http/api.h"
#include "node/http/query.h"
#include "node/http/seat_desk.h"
#include "node/http/writes.h"
#include "registry/duration.h"
#include "registry/hosting.h"
#include "registry/instruction.h"
#include "registry/json.h"
#include "registry/resume.h"
#include "registry/rollout_json.h"
#include "registry/token.h"

// What a server and its own node say to each other: who it has, whom it may let in, and whether it
// goes on. Decided on the core thread, where nothing else happens to the row meanwhile.

namespace node {
namespace {

using registry::Hosting;
using registry::Row;
using registry::SeatBook;
using registry::Token;
using std::chrono::milliseconds;

constexpr std::string_view kBefore = "/v1/instances/";
constexpr milliseconds kLongestWait{60'000};
constexpr milliseconds kLook{100};  // between two looks at the view, for who waits

// ---- instructions

// Members without the braces around them.
void append_instruction(std::string& out, const Row& row, const registry::Instruction& i,
                        std::uint64_t now_s) {
    out += R"("instruction":")";
    out += registry::instruction_name(i.admission);
    out += R"(","epoch":")";
    registry::append_number(out, i.app ? i.app->epoch : 0);
    out += R"(","role":")";
    if (i.version) out += registry::name(i.version->role);
    out += R"(","why":)";
    registry::append_string(out, i.version ? registry::explain(i.version->reason) : "");
    const bool draining = i.admission == registry::Admission::draining || i.cut;
    const registry::Rollout* rollout = i.app ? &i.app->app.rollout : nullptr;
    out += R"(,"until":)";
    if (draining && rollout && rollout->drain_deadline > 0) {
        registry::append_number(out, rollout->drain_deadline);
    } else {
        out += "null";
    }
    const bool notify = draining && rollout && rollout->notify_at <= now_s;
    out += notify ? R"(,"notify":true)" : R"(,"notify":false)";
    out += i.cut ? R"(,"cut":true)" : R"(,"cut":false)";
    out += R"(,"state":")";
    out += registry::name(row.state());
    out += '"';
}

Response not_here(const std::string& address) {
    return problem(404, "there is no instance " + registry::in_quotes(address),
                   "register it first: PUT /v1/instances/{address}");
}

Response current_instruction(Api& api, const std::string& address, std::string_view more) {
    const auto view = api.view();
    const Row* row = view->find(address);
    if (row == nullptr) return not_here(address);
    const std::uint64_t now_s = api.cluster_ms() / 1000;
    std::string body = "{";
    append_instruction(body, *row, registry::instruction(*view, *row, now_s), now_s);
    body += more;
    return json(body + '}');
}

// One server that waits for another instruction than the one that it knows.
struct Wait {
    Api& api;
    ExchangePtr exchange;
    std::string address;
    std::string was;
    std::chrono::steady_clock::time_point until;
    std::uint64_t revision = 0;
};

void look(const std::shared_ptr<Wait>& wait) {
    const auto view = wait->api.view();
    const bool over = std::chrono::steady_clock::now() >= wait->until;
    // A hard deadline passes without a new view: those are looked at each time.
    const Row* row = view->find(wait->address);
    const bool other =
        row == nullptr ||
        registry::instruction_name(
            registry::instruction(*view, *row, wait->api.cluster_ms() / 1000).admission) !=
            wait->was;
    if (over || other) {
        return wait->exchange->send(current_instruction(wait->api, wait->address, ""));
    }
    wait->api.later(kLook, [wait] { look(wait); });
}

// ---- what the core thread decides

std::string http_of(const Api& api, gossip::NodeId id) {
    const auto view = api.view();
    const auto& nodes = view->nodes();
    const auto node = std::find_if(nodes.begin(), nodes.end(),
                                   [id](const registry::NodeRow& n) { return n.id == id; });
    return node == nodes.end() ? std::string{} : node->http;
}

// A request about one instance: `act` on the core thread decides; `answer` runs when what that has
// written is durable and in the view, unless there is a refusal to send.
struct Call {
    using Act = std::function<Hosting::Reply(gossip::Core&, gossip::Now, gossip::Output&)>;
    Api& api;
    ExchangePtr exchange;
    std::string address;
    Act act;
    std::function<Response(const Hosting::Reply&)> answer;
    Hosting::Reply reply = {};
};

Response refusal_of(const Call& call) {
    const Hosting::Reply& reply = call.reply;
    const std::string who = registry::in_quotes(call.address);
    switch (reply.status) {
        case Hosting::Status::unknown:
            return not_here(call.address);
        case Hosting::Status::elsewhere: {
            std::string member = R"(,"owner":)";
            registry::append_string(member, http_of(call.api, reply.owner));
            return problem(421, who + " is registered at another node",
                           "ask that one, see `owner`: only it knows the seats of the instance",
                           member);
        }
        case Hosting::Status::another_life:
            return problem(
                409,
                who + " is in another incarnation, " + std::to_string(reply.instance.incarnation),
                "register anew if yours is the later one; else another server has the "
                "address: stop",
                R"(,"incarnation":)" + std::to_string(reply.instance.incarnation));
        case Hosting::Status::no_incarnation:
            return problem(409, who + " has no incarnation",
                           "register with one, e.g. the time of the start: a fence is for one "
                           "life of a server");
        case Hosting::Status::occupied:
            return problem(409,
                           who + " has " + std::to_string(reply.taken) +
                               " sessions, those that may be resumed among them",
                           "wait until they have ended; nobody new is sent to a draining instance",
                           R"(,"granted":false)");
        case Hosting::Status::done:
        case Hosting::Status::not_written:
            break;
    }
    return refused(call.api, call.address, {reply.put, {}});
}

void submit(const std::shared_ptr<Call>& call) {
    const bool queued = call->api.context.core.submit(
        [call](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            call->reply = call->act(core, now, out);
        },
        [call] {
            const bool done = call->reply.status == Hosting::Status::done;
            call->exchange->send(done ? call->answer(call->reply) : refusal_of(*call));
        });
    if (!queued) call->exchange->send(busy());
}

int status_of(SeatBook::Verdict verdict) {
    switch (verdict) {
        case SeatBook::Verdict::accepted:
            return 200;
        case SeatBook::Verdict::moved:
            return 410;
        case SeatBook::Verdict::not_ready:
            return 503;
        case SeatBook::Verdict::full:
        case SeatBook::Verdict::draining:
        case SeatBook::Verdict::spent:
        case SeatBook::Verdict::stale:
            return 409;
    }
    return 500;
}

std::string_view explain(SeatBook::Verdict verdict) {
    switch (verdict) {
        case SeatBook::Verdict::accepted:
            return "";
        case SeatBook::Verdict::full:
            return "no seat is free";
        case SeatBook::Verdict::draining:
            return "this instance takes no new clients";
        case SeatBook::Verdict::moved:
            return "the instance that the ticket is for has ended or closed";
        case SeatBook::Verdict::spent:
            return "the ticket was redeemed before";
        case SeatBook::Verdict::stale:
            return "the ticket was issued before this node started";
        case SeatBook::Verdict::not_ready:
            return "the server has not said yet how many sessions it has: send a heartbeat";
    }
    return "";
}

Response redeemed(const Api& api, const Token& token, const std::string& session,
                  const SeatBook::Redeemed& result, std::uint32_t resume_ttl_s) {
    std::string body = R"({"verdict":")";
    body += registry::name(result.verdict);
    body += '"';
    if (result.verdict != SeatBook::Verdict::accepted) {
        body += R"(,"error":)";
        registry::append_string(body, explain(result.verdict));
        body += R"(,"hint":"send the client to GET /v1/apps/{app}/endpoint"})";
        Response response = json(std::move(body));
        response.status = status_of(result.verdict);
        return response;
    }
    const Token resume = registry::resume_token(token, session, resume_ttl_s, api.cluster_ms());
    body += R"(,"returning":)";
    body += token.kind == Token::Kind::resume ? "true" : "false";
    body += R"(,"session":)";
    registry::append_string(body, resume.session);
    body += R"(,"seq":")";
    registry::append_number(body, result.seq);
    body += R"(","token":")";
    body += api.context.tokens.sign(resume);
    body += R"(","expires":)";
    registry::append_number(body, resume.expires_s);
    return json(body + '}');
}

std::uint32_t resume_ttl(const Api& api, std::string_view app) {
    const auto view = api.view();
    const registry::AppRow* row = view->app(app);
    return row ? row->app.policy.resume_ttl_s : registry::kDefaultResumeTtl;
}

}  // namespace

void post_heartbeat(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_in(request.path, kBefore, "/heartbeat");
    if (!address) return exchange->send(problem(address.error()));
    const auto beat = registry::parse_heartbeat(request.body);
    if (!beat) return exchange->send(problem(beat.error()));
    const auto act = [&api, address = *address, beat = *beat](gossip::Core& core, gossip::Now now,
                                                              gossip::Output& out) {
        return api.desk->hosting().heartbeat(core, address, beat, now, out);
    };
    const auto answer = [&api, address = *address](const Hosting::Reply& reply) {
        return current_instruction(api, address, R"(,"seq":")" + std::to_string(reply.seq) + '"');
    };
    submit(std::make_shared<Call>(Call{api, exchange, *address, act, answer}));
}

void post_fence(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_in(request.path, kBefore, "/fence");
    if (!address) return exchange->send(problem(address.error()));
    const auto beat = registry::parse_heartbeat(request.body);
    if (!beat) return exchange->send(problem(beat.error()));
    const auto act = [&api, address = *address, beat = *beat](gossip::Core& core, gossip::Now now,
                                                              gossip::Output& out) {
        return api.desk->hosting().fence(core, *api.view(), address, beat, now, out);
    };
    const auto answer = [](const Hosting::Reply&) { return json(R"({"granted":true})"); };
    submit(std::make_shared<Call>(Call{api, exchange, *address, act, answer}));
}

void post_drain(Api& api, const ExchangePtr& exchange) {
    const auto address = address_in(exchange->request().path, kBefore, "/drain");
    if (!address) return exchange->send(problem(address.error()));
    const auto act = [&api, address = *address](gossip::Core& core, gossip::Now now,
                                                gossip::Output& out) {
        return api.desk->hosting().drain(core, address, now, out);
    };
    const auto answer = [&api, address = *address](const Hosting::Reply&) {
        return current_instruction(api, address, "");
    };
    submit(std::make_shared<Call>(Call{api, exchange, *address, act, answer}));
}

void post_redeem(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_in(request.path, kBefore, "/redeem");
    if (!address) return exchange->send(problem(address.error()));
    const auto body = registry::parse_redeem(request.body);
    if (!body) return exchange->send(problem(body.error()));
    const auto token = api.context.tokens.verify(body->token, api.cluster_ms() / 1000);
    if (!token) {
        return exchange->send(problem(403, token.error().message,
                                      "send the client to GET /v1/apps/{app}/endpoint",
                                      R"(,"verdict":"invalid")"));
    }
    if (token->address != *address) {
        return exchange->send(problem(403,
                                      "the ticket is for " + registry::in_quotes(token->address),
                                      "send the client there", R"(,"verdict":"elsewhere")"));
    }
    const auto act = [&api, token = *token](const gossip::Core& core, gossip::Now /*now*/,
                                            gossip::Output& /*out*/) {
        return api.desk->hosting().redeem(core, *api.view(), token, api.cluster_ms());
    };
    const auto answer = [&api, token = *token,
                         session = body->session](const Hosting::Reply& reply) {
        return redeemed(api, token, session, reply.redeemed, resume_ttl(api, token.app));
    };
    submit(std::make_shared<Call>(Call{api, exchange, *address, act, answer}));
}

void get_instruction(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_in(request.path, kBefore, "/instruction");
    if (!address) return exchange->send(problem(address.error()));
    const auto parameters = parse_query(request.query, {"wait", "was"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    milliseconds patience{0};
    std::string was;
    for (const auto& [name, value] : *parameters) {
        if (name == "was") was = value;
        if (name != "wait") continue;
        const auto parsed = registry::parse_duration(value);
        if (!parsed || *parsed > kLongestWait) {
            return exchange->send(problem(
                400, "wait: " + registry::in_quotes(value) + " is no duration of at most 60s",
                "write wait=30s"));
        }
        patience = *parsed;
    }
    if (api.view()->find(*address) == nullptr) return exchange->send(not_here(*address));
    look(std::make_shared<Wait>(
        Wait{api, exchange, *address, was, std::chrono::steady_clock::now() + patience}));
}

}  // namespace node
