#include "registry/rollout_json.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "registry/json_members.h"
#include "registry/token.h"

namespace registry {
namespace {

using detail::invalid;
using detail::Json;
using detail::Members;
using detail::Problem;
using detail::set_number;
using detail::set_text;
using detail::wrong;

// `"name":` behind a comma, unless it is the first member.
std::string& member(std::string& out, std::string_view name) {
    if (out.back() != '{') out += ',';
    append_string(out, name);
    return out += ':';
}

void append_bool(std::string& out, std::string_view name, bool value) {
    member(out, name) += value ? "true" : "false";
}

void append_count(std::string& out, std::string_view name, std::uint64_t value) {
    append_number(member(out, name), value);
}

void append_text(std::string& out, std::string_view name, std::string_view value) {
    append_string(member(out, name), value);
}

void append_decimal(std::string& out, std::string_view name, std::uint64_t value) {
    append_text(out, name, std::to_string(value));
}

void append_weights(std::string& out, std::string_view name, const std::vector<Weight>& weights) {
    member(out, name) += '{';
    for (const Weight& w : weights) append_count(out, w.version, w.parts);
    out += '}';
}

void append_policy(std::string& out, const Policy& p) {
    out += '{';
    append_text(out, "pick", name(p.pick));
    append_text(out, "on_full", name(p.on_full));
    append_count(out, "ticket_ttl", p.ticket_ttl_s);
    append_count(out, "resume_ttl", p.resume_ttl_s);
    append_text(out, "backup", p.backup);
    out += '}';
}

void append_version(std::string& out, const VersionPlan& v, const VersionFacts& f,
                    std::uint64_t all_parts) {
    out += '{';
    append_text(out, "version", v.version);
    append_text(out, "role", name(v.role));
    append_text(out, "why", explain(v.reason));
    const std::uint64_t permille = all_parts > 0 ? 1000 * std::uint64_t{v.parts} / all_parts : 0;
    append_count(out, "share_permille", permille);
    append_count(out, "first_seen", f.birth_ms);
    member(out, "instances") += '{';
    for (std::size_t i = 0; i < kStates; ++i) {
        if (f.by_state[i] > 0) append_count(out, name(static_cast<State>(i)), f.by_state[i]);
    }
    out += '}';
    append_count(out, "live", f.live());
    append_count(out, "sessions", f.sessions);
    append_count(out, "capacity", f.capacity);
    out += '}';
}

// A number that does not fit a double, and so comes as text.
Problem set_decimal(std::string_view field, const Json& value, std::optional<std::uint64_t>& out) {
    if (value.is_number_unsigned()) {
        out = value.get<std::uint64_t>();
        return std::nullopt;
    }
    std::uint64_t number = 0;
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, number);
        if (!text.empty() && parsed.ec == std::errc{} && parsed.ptr == end) {
            out = number;
            return std::nullopt;
        }
    }
    return wrong(field, value, "a number, or its digits in a string");
}

Problem set_flag(std::string_view field, const Json& value, bool& out) {
    if (!value.is_boolean()) return wrong(field, value, "true or false");
    out = value.get<bool>();
    return std::nullopt;
}

Problem set_weights(std::string_view field, const Json& value, std::vector<Weight>& out) {
    if (!value.is_object()) return wrong(field, value, R"(an object: {"v1": 80, "v2": 20})");
    out.clear();
    for (const auto& [version, parts] : value.items()) {  // in order of version
        Weight w{version, 0};
        if (Problem p = set_number("weight of " + in_quotes(version), parts, w.parts)) return p;
        if (w.parts > 0) out.push_back(std::move(w));
    }
    return std::nullopt;
}

Problem set_versions(std::string_view field, const Json& value, std::vector<std::string>& out) {
    if (!value.is_array()) return wrong(field, value, "an array of versions");
    out.clear();
    for (const Json& version : value) {
        out.emplace_back();
        if (Problem p = set_text(field, version, out.back())) return p;
    }
    std::sort(out.begin(), out.end());
    return std::nullopt;
}

Problem unknown_field(std::string_view field, std::string_view known) {
    return invalid("unknown field " + in_quotes(field) + ": the fields are " + std::string(known));
}

Problem set_rollout_field(Rollout& r, std::string_view field, const Json& value) {
    if (field == "weights") return set_weights(field, value, r.weights);
    if (field == "previous") return set_weights(field, value, r.previous);
    if (field == "quarantine") return set_versions(field, value, r.quarantine);
    if (field == "paused") return set_flag(field, value, r.paused);
    if (field == "hard") return set_flag(field, value, r.hard);
    if (field == "notify_at") return set_number(field, value, r.notify_at);
    if (field == "drain_deadline") return set_number(field, value, r.drain_deadline);
    if (field == "hold") return set_number(field, value, r.hold);
    if (field == "min_ready") return set_number(field, value, r.min_ready);
    return unknown_field(field,
                         "weights, previous, quarantine, paused, hard, notify_at, drain_deadline, "
                         "hold, min_ready");
}

// One of two names.
template <class Enum>
Problem set_choice(std::string_view field, const Json& value, Enum first, Enum second, Enum& out) {
    for (const Enum choice : {first, second}) {
        if (value.is_string() && value.get_ref<const std::string&>() == name(choice)) {
            out = choice;
            return std::nullopt;
        }
    }
    return wrong(field, value, std::string{name(first)} + " or " + std::string{name(second)});
}

Problem set_policy_field(Policy& p, std::string_view field, const Json& value) {
    if (field == "pick") return set_choice(field, value, Pick::spread, Pick::packed, p.pick);
    if (field == "on_full") return set_choice(field, value, OnFull::wait, OnFull::older, p.on_full);
    if (field == "ticket_ttl") return set_number(field, value, p.ticket_ttl_s);
    if (field == "resume_ttl") return set_number(field, value, p.resume_ttl_s);
    if (field == "backup") return set_text(field, value, p.backup);
    return unknown_field(field, "pick, on_full, ticket_ttl, resume_ttl, backup");
}

class AppBody final : public Members {
  public:
    using Members::Members;
    App app;

  private:
    Problem member(const std::string& field, const Json& value) override {
        if (field == "author") return set_text(field, value, app.author);
        if (field == "rollout") {
            return each(field, value, [this](const std::string& inner, const Json& content) {
                return set_rollout_field(app.rollout, inner, content);
            });
        }
        if (field == "policy") {
            return each(field, value, [this](const std::string& inner, const Json& content) {
                return set_policy_field(app.policy, inner, content);
            });
        }
        return unknown_field(field, "rollout, policy, author");
    }

    template <class Set>
    static Problem each(std::string_view field, const Json& value, Set set) {
        if (!value.is_object()) return wrong(field, value, "an object");
        for (const auto& [inner, content] : value.items()) {
            if (Problem p = set(inner, content)) return p;
        }
        return std::nullopt;
    }
};

class CommandBody final : public Members {
  public:
    explicit CommandBody(std::string_view body) : Members(body) {}
    RolloutCommand command;
    bool has_version = false;
    bool has_weights = false;

  private:
    Problem member(const std::string& field, const Json& value) override {
        if (field == "version") {
            has_version = true;
            return set_text(field, value, command.version);
        }
        if (field == "weights") {
            has_weights = true;
            return set_weights(field, value, command.weights);
        }
        if (field == "author") return set_text(field, value, command.author);
        if (field == "force") return set_flag(field, value, command.force);
        return unknown_field(field, "version, weights, author, force");
    }
};

class HeartbeatBody final : public Members {
  public:
    using Members::Members;
    Heartbeat beat;

  private:
    Problem member(const std::string& field, const Json& value) override {
        if (field == "sessions") return set_number(field, value, beat.sessions.emplace());
        if (field == "resuming") return set_number(field, value, beat.resuming);
        if (field == "seq") return set_decimal(field, value, beat.seq);
        if (field == "acked_epoch") return set_decimal(field, value, beat.acked_epoch);
        if (field == "incarnation") return set_decimal(field, value, beat.incarnation);
        if (field == "ready_to_close") return set_flag(field, value, beat.ready_to_close.emplace());
        return unknown_field(field,
                             "sessions, resuming, seq, ready_to_close, acked_epoch, incarnation");
    }
};

class TokenBody final : public Members {
  public:
    using Members::Members;
    RedeemBody redeem;
    bool has_token = false;

  private:
    Problem member(const std::string& field, const Json& value) override {
        if (field == "session") return set_text(field, value, redeem.session);
        if (field != "ticket" && field != "token") {
            return unknown_field(field, "ticket or token, session");
        }
        if (std::exchange(has_token, true)) return invalid("give a ticket or a token, not both");
        return set_text(field, value, redeem.token);
    }
};

std::string_view or_empty(std::string_view body) {
    return body.empty() ? std::string_view{"{}"} : body;
}

}  // namespace

void append_rollout(std::string& out, const Rollout& r) {
    out += '{';
    append_weights(out, "weights", r.weights);
    append_weights(out, "previous", r.previous);
    member(out, "quarantine") += '[';
    for (std::size_t i = 0; i < r.quarantine.size(); ++i) {
        if (i > 0) out += ',';
        append_string(out, r.quarantine[i]);
    }
    out += ']';
    append_bool(out, "paused", r.paused);
    append_bool(out, "hard", r.hard);
    append_count(out, "notify_at", r.notify_at);
    append_count(out, "drain_deadline", r.drain_deadline);
    append_count(out, "hold", r.hold);
    append_count(out, "min_ready", r.min_ready);
    out += '}';
}

void append_versions(std::string& out, const AppRow& row, const Plan& plan) {
    std::uint64_t all_parts = 0;
    for (const VersionPlan& v : plan.versions) all_parts += v.parts;
    static const VersionFacts kNothing;
    out += '[';
    for (std::size_t i = 0; i < plan.versions.size(); ++i) {
        if (i > 0) out += ',';
        const VersionFacts* facts = row.facts(plan.versions[i].version);
        append_version(out, plan.versions[i], facts ? *facts : kNothing, all_parts);
    }
    out += ']';
}

void append_app(std::string& out, const AppRow& row) {
    out += '{';
    append_text(out, "name", row.app.name);
    append_decimal(out, "epoch", row.epoch);
    append_decimal(out, "parent", row.app.parent);
    append_text(out, "author", row.app.author);
    append_rollout(member(out, "rollout"), row.app.rollout);
    append_policy(member(out, "policy"), row.app.policy);
    append_versions(member(out, "versions"), row, row.plan);
    append_hex(member(out, "plan") += '"', row.plan.hash);
    out += "\"}";
}

Result<App> parse_app(std::string_view name, std::string_view body) {
    if (body.size() > kMaxBody) return detail::body_too_large(body.size(), kMaxBody);
    AppBody reader{or_empty(body)};
    if (Problem p = reader.read()) return *std::move(p);
    reader.app.name = name;
    return validated(std::move(reader.app));
}

Result<RolloutCommand> parse_command(RolloutCommand::Kind kind, std::string_view body) {
    using Kind = RolloutCommand::Kind;
    if (body.size() > kMaxBody) return detail::body_too_large(body.size(), kMaxBody);
    CommandBody reader{or_empty(body)};
    if (Problem p = reader.read()) return *std::move(p);
    reader.command.kind = kind;
    const bool names_one =
        kind == Kind::promote || kind == Kind::quarantine || kind == Kind::release;
    if (names_one && !reader.has_version) {
        return invalid("field 'version' is missing: say which version to " +
                       std::string{name(kind)});
    }
    if (kind == Kind::split && !reader.has_weights) {
        return invalid(R"(field 'weights' is missing: give {"weights": {"v1": 80, "v2": 20}})");
    }
    if (kind != Kind::split && reader.has_weights) {
        return invalid("field 'weights' is for split, not for " + std::string{name(kind)});
    }
    return std::move(reader.command);
}

Result<Heartbeat> parse_heartbeat(std::string_view body) {
    if (body.size() > kMaxBody) return detail::body_too_large(body.size(), kMaxBody);
    HeartbeatBody reader{or_empty(body)};
    if (Problem p = reader.read()) return *std::move(p);
    if (reader.beat.resuming > 0 && !reader.beat.sessions) {
        return invalid("resuming without sessions: give both");
    }
    return reader.beat;
}

Result<RedeemBody> parse_redeem(std::string_view body) {
    if (body.size() > kMaxBody) return detail::body_too_large(body.size(), kMaxBody);
    TokenBody reader{or_empty(body)};
    if (Problem p = reader.read()) return *std::move(p);
    if (!reader.has_token) return invalid("field 'ticket' is missing: give the one of the client");
    if (reader.redeem.session.size() > kMaxSession) {
        return invalid("session has " + std::to_string(reader.redeem.session.size()) +
                       " B, above the limit of " + std::to_string(kMaxSession) + " B");
    }
    return std::move(reader.redeem);
}

}  // namespace registry
