#include "registry/rollout_json.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "registry/duration.h"
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

void append_weights(std::string& out, const std::vector<Weight>& weights) {
    ObjectWriter members(out);
    for (const Weight& w : weights) members.number(w.version, w.parts);
}

void append_policy(std::string& out, const Policy& p) {
    ObjectWriter members(out);
    members.text("pick", name(p.pick));
    members.text("on_full", name(p.on_full));
    members.number("ticket_ttl", p.ticket_ttl_s);
    members.number("resume_ttl", p.resume_ttl_s);
    members.text("backup", p.backup);
}

void append_instances(std::string& out, const VersionFacts& f) {
    ObjectWriter members(out);
    for (std::size_t i = 0; i < kStates; ++i) {
        if (f.by_state[i] > 0) members.number(name(static_cast<State>(i)), f.by_state[i]);
    }
}

void append_version(std::string& out, const VersionPlan& v, const VersionFacts& f,
                    std::uint64_t all_parts) {
    ObjectWriter members(out);
    members.text("version", v.version);
    members.text("role", name(v.role));
    members.text("why", explain(v.reason));
    members.number("share_permille", all_parts > 0 ? 1000 * std::uint64_t{v.parts} / all_parts : 0);
    members.number("first_seen", f.birth_ms);
    append_instances(members.name("instances"), f);
    members.number("live", f.live());
    members.number("acked", f.acked);
    members.number("sessions", f.sessions);
    members.number("capacity", f.capacity);
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
    CommandBody(std::string_view body, std::uint64_t now_s) : Members(body), now_s_(now_s) {}
    RolloutCommand command;
    bool has_drain = false;  // a field of drain alone
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
        has_drain = has_drain || field == "within" || field == "notify_in" || field == "hard";
        if (field == "within" && value == "never") {
            command.deadline = 0;
            return std::nullopt;
        }
        if (field == "within") return set_moment(field, value, command.deadline.emplace());
        if (field == "notify_in") return set_moment(field, value, command.notify_at);
        if (field == "hard") return set_flag(field, value, command.hard);
        return unknown_field(field, "version, weights, author, force, within, notify_in, hard");
    }

    // A duration from now on.
    Problem set_moment(std::string_view field, const Json& value, std::uint64_t& out) const {
        std::string text;
        if (Problem p = set_text(field, value, text)) return p;
        const auto duration = parse_duration(text);
        if (!duration) return invalid(std::string{field} + ": " + duration.error().message);
        out = now_s_ + ((static_cast<std::uint64_t>(duration->count()) + 999) / 1000);
        return std::nullopt;
    }

    std::uint64_t now_s_;
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
    ObjectWriter members(out);
    append_weights(members.name("weights"), r.weights);
    append_weights(members.name("previous"), r.previous);
    std::string& list = members.name("quarantine") += '[';
    for (std::size_t i = 0; i < r.quarantine.size(); ++i) {
        if (i > 0) list += ',';
        append_string(list, r.quarantine[i]);
    }
    list += ']';
    members.flag("paused", r.paused);
    members.flag("hard", r.hard);
    members.number("notify_at", r.notify_at);
    members.number("drain_deadline", r.drain_deadline);
    members.number("hold", r.hold);
    members.number("min_ready", r.min_ready);
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
    ObjectWriter members(out);
    members.text("name", row.app.name);
    members.text("epoch", std::to_string(row.epoch));
    members.text("parent", std::to_string(row.app.parent));
    members.text("author", row.app.author);
    append_rollout(members.name("rollout"), row.app.rollout);
    append_policy(members.name("policy"), row.app.policy);
    append_versions(members.name("versions"), row, row.plan);
    append_hex(members.name("plan") += '"', row.plan.hash);
    out += '"';
}

Result<App> parse_app(std::string_view name, std::string_view body) {
    if (body.size() > kMaxBody) return detail::body_too_large(body.size(), kMaxBody);
    AppBody reader{or_empty(body)};
    if (Problem p = reader.read()) return *std::move(p);
    reader.app.name = name;
    return validated(std::move(reader.app));
}

Result<RolloutCommand> parse_command(RolloutCommand::Kind kind, std::string_view body,
                                     std::uint64_t now_s) {
    using Kind = RolloutCommand::Kind;
    if (body.size() > kMaxBody) return detail::body_too_large(body.size(), kMaxBody);
    CommandBody reader{or_empty(body), now_s};
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
    if (kind != Kind::drain && reader.has_drain) {
        return invalid("within, notify_in and hard are for drain, not for " +
                       std::string{name(kind)});
    }
    if (kind == Kind::drain && reader.has_drain && !reader.command.deadline) {
        return invalid("field 'within' is missing: notify_in and hard belong to a deadline");
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
