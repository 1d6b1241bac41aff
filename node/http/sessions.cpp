#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <utility>

#include "gossip/membership.h"
#include "gossip/table.h"
#include "node/http/api.h"
#include "node/http/query.h"
#include "node/http/writes.h"
#include "registry/duration.h"
#include "registry/json.h"
#include "registry/rollout_json.h"
#include "registry/seat_book.h"
#include "registry/token.h"

// What a server and its own node say to each other: who it has, whom it may let in, and whether it
// goes on. Decided on the core thread, where nothing else happens to the row meanwhile.

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using registry::Admission;
using registry::Instance;
using registry::Row;
using registry::SeatBook;
using registry::Token;
using std::chrono::milliseconds;

constexpr std::string_view kBefore = "/v1/instances/";
constexpr milliseconds kLongestWait{60'000};
constexpr milliseconds kLook{100};  // between two looks at the view, for who waits

// ---- instructions

std::string_view instruction_name(Admission admission) {
    return admission == Admission::closed ? "close" : registry::name(admission);
}

struct Instruction {
    Admission admission = Admission::standby;
    const registry::AppRow* app = nullptr;
    const registry::VersionPlan* version = nullptr;
    bool cut = false;  // the deadline has passed, and it is a hard one
};

Instruction instruction(const registry::View& view, const Row& row, std::uint64_t now_s) {
    Instruction i;
    i.app = view.app(row.app());
    i.version = i.app ? i.app->plan.find(row.version()) : nullptr;
    if (i.version == nullptr) return i;  // its version is new to this node: in the next view
    i.admission = registry::admission(*i.version, {row.state(), row.fenced(), row.sessions()});
    const registry::Rollout& rollout = i.app->app.rollout;
    if (i.admission == Admission::draining && rollout.hard && rollout.drain_deadline <= now_s) {
        i.admission = Admission::closed;
        i.cut = true;
    }
    return i;
}

// Members without the braces around them.
void append_instruction(std::string& out, const Row& row, const Instruction& i,
                        std::uint64_t now_s) {
    out += R"("instruction":")";
    out += instruction_name(i.admission);
    out += R"(","epoch":")";
    registry::append_number(out, i.app ? i.app->epoch : 0);
    out += R"(","role":")";
    if (i.version) out += registry::name(i.version->role);
    out += R"(","why":)";
    registry::append_string(out, i.version ? registry::explain(i.version->reason) : "");
    const bool draining = i.admission == Admission::draining || i.cut;
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
    append_instruction(body, *row, instruction(*view, *row, now_s), now_s);
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
        instruction_name(instruction(*view, *row, wait->api.cluster_ms() / 1000).admission) !=
            wait->was;
    if (over || other) {
        return wait->exchange->send(current_instruction(wait->api, wait->address, ""));
    }
    wait->api.later(kLook, [wait] { look(wait); });
}

// ---- what the core thread does

std::string http_of(const Api& api, gossip::NodeId id) {
    const auto view = api.view();
    const auto& nodes = view->nodes();
    const auto node = std::find_if(nodes.begin(), nodes.end(),
                                   [id](const registry::NodeRow& n) { return n.id == id; });
    return node == nodes.end() ? std::string{} : node->http;
}

// The instance that a request is about, if this node may speak for it.
struct Found {
    Instance instance;
    std::uint64_t last_update = 0;
    std::optional<Response> refusal;
};

Found find(const Api& api, const gossip::Core& core, const std::string& address) {
    Found found;
    const gossip::Record* record = core.table().find(gossip::RecordKind::instance, address);
    auto instance = record && !record->tombstone() ? registry::decode(record->fields())
                                                   : Result<Instance>{Error{Errc::not_found, ""}};
    if (!instance) {
        found.refusal = not_here(address);
        return found;
    }
    found.instance = std::move(instance).value();
    found.last_update = core.last_update(*record);
    if (record->owner() == api.context.self.id) return found;
    const gossip::Member* owner = core.members().find(record->owner());
    if (owner == nullptr || !owner->reachable()) return found;  // this node takes it over
    std::string member = R"(,"owner":)";
    registry::append_string(member, http_of(api, record->owner()));
    found.refusal =
        problem(421, registry::in_quotes(address) + " is registered at another node",
                "ask that one, see `owner`: only it knows the seats of the instance", member);
    return found;
}

// Writes what has become of the instance, by this node's own clock.
gossip::PutStatus write(gossip::Core& core, Found& found, gossip::Now now, gossip::Output& out) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch());
    found.instance.last_update =
        std::max(found.last_update, static_cast<std::uint64_t>(seconds.count()));
    gossip::LocalWrite put = registry::encode(found.instance);
    put.timed_by_application = false;
    return put_registration(core, put, now, out).status;
}

// A request about one instance: `act` on the core thread gives the refusal, or nullopt; `answer`
// runs when what it has written is durable and in the view.
struct Call {
    using Act =
        std::function<std::optional<Response>(Found&, gossip::Core&, gossip::Now, gossip::Output&)>;
    Api& api;
    ExchangePtr exchange;
    std::string address;
    Act act;
    std::function<Response()> answer;
    std::optional<Response> refusal = {};
};

void submit(const std::shared_ptr<Call>& call) {
    const bool queued = call->api.context.core.submit(
        [call](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            Found found = find(call->api, core, call->address);
            call->refusal =
                found.refusal ? std::move(found.refusal) : call->act(found, core, now, out);
        },
        [call] {
            call->exchange->send(call->refusal ? *std::move(call->refusal) : call->answer());
        });
    if (!queued) call->exchange->send(busy());
}

std::optional<Response> refusal_of(gossip::PutStatus status, Api& api, const std::string& address) {
    if (accepted(status)) return std::nullopt;
    return refused(api, address, {status, {}});
}

std::optional<Response> another_life(const Instance& instance,
                                     std::optional<std::uint64_t> incarnation) {
    if (!incarnation || *incarnation == instance.incarnation) return std::nullopt;
    return problem(409,
                   registry::in_quotes(instance.address) + " is in incarnation " +
                       std::to_string(instance.incarnation) + ", not in " +
                       std::to_string(*incarnation),
                   "another server has the address now; stop, or register anew");
}

// Sessions as the server says them. A seat is held for each that may come back.
std::uint32_t seats_taken(const registry::Heartbeat& beat) {
    const std::uint64_t sum = std::uint64_t{*beat.sessions} + beat.resuming;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
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
    Token resume = token;
    resume.kind = Token::Kind::resume;
    resume.issued_ms = api.cluster_ms();
    resume.expires_s = resume.issued_ms / 1000 + resume_ttl_s;
    if (!session.empty()) resume.session = session;
    if (resume.session.empty()) registry::append_hex(resume.session, token.nonce);
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
    auto seq = std::make_shared<std::uint64_t>(0);
    const auto act = [&api, beat = *beat, seq](Found& found, gossip::Core& core, gossip::Now now,
                                               gossip::Output& out) {
        if (auto no = another_life(found.instance, beat.incarnation)) return no;
        Instance& x = found.instance;
        if (beat.sessions) {
            x.sessions = seats_taken(beat);
            api.seat_book->report(x, x.sessions, beat.seq);
        }
        if (beat.ready_to_close) x.ready_to_close = *beat.ready_to_close;
        if (beat.acked_epoch) x.acked_epoch = std::max(x.acked_epoch, *beat.acked_epoch);
        *seq = api.seat_book->accepted(x);
        return refusal_of(write(core, found, now, out), api, x.address);
    };
    const auto answer = [&api, address = *address, seq] {
        return current_instruction(api, address, R"(,"seq":")" + std::to_string(*seq) + '"');
    };
    submit(std::make_shared<Call>(Call{api, exchange, *address, act, answer}));
}

void post_fence(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto address = address_in(request.path, kBefore, "/fence");
    if (!address) return exchange->send(problem(address.error()));
    const auto beat = registry::parse_heartbeat(request.body);
    if (!beat) return exchange->send(problem(beat.error()));
    const auto act = [&api, beat = *beat](Found& found, gossip::Core& core, gossip::Now now,
                                          gossip::Output& out) -> std::optional<Response> {
        Instance& x = found.instance;
        if (auto no = another_life(x, beat.incarnation)) return no;
        if (x.incarnation == 0) {
            return problem(409, registry::in_quotes(x.address) + " has no incarnation",
                           "register with one, e.g. the time of the start: a fence is for one "
                           "life of a server");
        }
        if (beat.sessions) {
            x.sessions = seats_taken(beat);
            api.seat_book->report(x, x.sessions, beat.seq);
        }
        const std::uint64_t taken = api.seat_book->taken(x);
        if (taken > 0) {
            return problem(409,
                           registry::in_quotes(x.address) + " has " + std::to_string(taken) +
                               " sessions, those that may be resumed among them",
                           "wait until they have ended; nobody new is sent to a draining instance",
                           R"(,"granted":false)");
        }
        const auto view = api.view();
        const registry::AppRow* app = view->app(x.app_name);
        x.phase = std::max(x.phase, registry::Phase::stopping);
        x.sessions = 0;
        x.closed_epoch = std::max<std::uint64_t>(app ? app->epoch : 0, 1);
        return refusal_of(write(core, found, now, out), api, x.address);
    };
    const auto answer = [] { return json(R"({"granted":true})"); };
    submit(std::make_shared<Call>(Call{api, exchange, *address, act, answer}));
}

void post_drain(Api& api, const ExchangePtr& exchange) {
    const auto address = address_in(exchange->request().path, kBefore, "/drain");
    if (!address) return exchange->send(problem(address.error()));
    const auto act = [&api](Found& found, gossip::Core& core, gossip::Now now,
                            gossip::Output& out) {
        found.instance.phase = std::max(found.instance.phase, registry::Phase::stopping);
        return refusal_of(write(core, found, now, out), api, found.instance.address);
    };
    const auto answer = [&api, address = *address] {
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
    auto result = std::make_shared<SeatBook::Redeemed>();
    const auto act = [&api, token = *token, result](Found& found, gossip::Core& /*core*/,
                                                    gossip::Now /*now*/, gossip::Output& /*out*/) {
        const auto view = api.view();
        const Row* row = view->find(found.instance.address);
        const std::uint64_t now_ms = api.cluster_ms();
        bool draining = false;
        if (row != nullptr && row->incarnation() == found.instance.incarnation) {
            const Admission admission = instruction(*view, *row, now_ms / 1000).admission;
            draining = admission == Admission::draining || admission == Admission::closed;
        }
        *result = api.seat_book->redeem(token, found.instance, draining, now_ms);
        return std::optional<Response>{};
    };
    const auto answer = [&api, token = *token, session = body->session, result] {
        return redeemed(api, token, session, *result, resume_ttl(api, token.app));
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
