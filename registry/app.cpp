#include "registry/app.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "gossip/bytes.h"
#include "registry/instance.h"
#include "registry/json.h"
#include "registry/text.h"

namespace registry {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Reader;
using gossip::Result;
using gossip::Writer;
using Problem = std::optional<Error>;

constexpr std::uint8_t kAppCodec = 1;
constexpr std::uint8_t kBirthCodec = 1;
constexpr std::uint8_t kPaused = 1;
constexpr std::uint8_t kHard = 2;
constexpr unsigned kBirthBits = 48;  // of milliseconds: until the year 10889
constexpr std::uint64_t kLastBirth = (1ULL << kBirthBits) - 1;
constexpr char kBirthSeparator = '\n';  // no name contains it

constexpr std::array<std::string_view, 2> kPicks{"spread", "packed"};
constexpr std::array<std::string_view, 2> kOnFull{"wait", "older"};

Error invalid(std::string message) {
    return {Errc::invalid, std::move(message)};
}

std::string range_error(std::string_view what, std::uint64_t value, std::uint64_t low,
                        std::uint64_t high) {
    return std::string{what} + " " + std::to_string(value) + " is not within " +
           std::to_string(low) + ".." + std::to_string(high);
}

Problem check_weights(const std::vector<Weight>& weights) {
    if (weights.size() > kMaxWeights) {
        return invalid(std::to_string(weights.size()) + " versions with a weight; at most " +
                       std::to_string(kMaxWeights) + " may share new clients");
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const Weight& w = weights[i];
        if (Problem p = check_text({"version", 0, kMaxVersion}, w.version)) return p;
        if (w.parts == 0 || w.parts > kMaxWeight) {
            return invalid(
                range_error("weight of " + in_quotes(w.version), w.parts, 1, kMaxWeight));
        }
        if (i > 0 && weights[i - 1].version >= w.version) {
            return invalid("weights are not in order: " + in_quotes(w.version) + " appears twice");
        }
    }
    return std::nullopt;
}

// The rules that hold for what peers send, too.
Problem check(const App& app) {
    if (Problem p = check_text({"app_name", 1, kMaxAppName}, app.name)) return p;
    if (Problem p = check_text({"author", 0, kMaxAuthor}, app.author)) return p;
    if (Problem p = check_weights(app.rollout.weights)) return p;
    if (Problem p = check_weights(app.rollout.previous)) return p;
    const auto& quarantine = app.rollout.quarantine;
    if (quarantine.size() > kMaxQuarantine) {
        return invalid(std::to_string(quarantine.size()) + " versions in quarantine; at most " +
                       std::to_string(kMaxQuarantine) + ": delete those that are gone for good");
    }
    for (std::size_t i = 0; i < quarantine.size(); ++i) {
        if (Problem p = check_text({"version", 0, kMaxVersion}, quarantine[i])) return p;
        if (i > 0 && quarantine[i - 1] >= quarantine[i]) {
            return invalid("quarantine is not in order: " + in_quotes(quarantine[i]) + " twice");
        }
    }
    if (!app.policy.backup.empty()) {
        if (Problem p = check_address(app.policy.backup)) return p;
    }
    return std::nullopt;
}

void write_weights(Writer& w, const std::vector<Weight>& weights) {
    w.varint(weights.size());
    for (const Weight& weight : weights) {
        w.text(weight.version);
        w.varint(weight.parts);
    }
}

// A varint that has to be at most `limit`; else the reader has failed.
std::uint64_t bounded(Reader& r, std::uint64_t limit) {
    const std::uint64_t value = r.varint();
    if (value > limit) r.fail();
    return r.ok() ? value : 0;
}

std::uint32_t word(Reader& r) {
    return static_cast<std::uint32_t>(bounded(r, UINT32_MAX));
}

std::vector<Weight> read_weights(Reader& r) {
    std::vector<Weight> weights(static_cast<std::size_t>(bounded(r, kMaxWeights)));
    for (Weight& weight : weights) {
        weight.version = r.text();
        weight.parts = word(r);
    }
    return weights;
}

}  // namespace

std::string_view name(Pick pick) {
    return kPicks[static_cast<std::size_t>(pick)];
}
std::string_view name(OnFull on_full) {
    return kOnFull[static_cast<std::size_t>(on_full)];
}

std::uint32_t Rollout::parts_of(std::string_view version) const {
    const auto found = std::find_if(weights.begin(), weights.end(),
                                    [version](const Weight& w) { return w.version == version; });
    return found == weights.end() ? 0 : found->parts;
}

bool Rollout::quarantined(std::string_view version) const {
    return std::find(quarantine.begin(), quarantine.end(), version) != quarantine.end();
}

Result<App> validated(App app) {
    if (Problem p = check(app)) return *std::move(p);
    const Rollout& r = app.rollout;
    for (const std::uint64_t moment : {r.notify_at, r.drain_deadline}) {
        if (moment > kMaxLastUpdate) {
            return invalid("the time " + std::to_string(moment) +
                           " looks like milliseconds: divide by 1000, it is in Unix seconds");
        }
    }
    if (r.hard && r.drain_deadline == 0) {
        return invalid("hard without a drain_deadline: say when sessions may be cut");
    }
    if (r.min_ready == 0 || r.min_ready > kMaxMinReady) {
        return invalid(range_error("min_ready", r.min_ready, 1, kMaxMinReady));
    }
    if (r.hold > kMaxHold) return invalid(range_error("hold", r.hold, 0, kMaxHold));
    for (const Weight& w : r.weights) {
        if (r.quarantined(w.version)) {
            return invalid("version " + in_quotes(w.version) +
                           " has a weight and is in quarantine: take it out of one of both");
        }
    }
    const Policy& p = app.policy;
    if (p.ticket_ttl_s < kMinTicketTtl || p.ticket_ttl_s > kMaxTicketTtl) {
        return invalid(range_error("ticket_ttl", p.ticket_ttl_s, kMinTicketTtl, kMaxTicketTtl));
    }
    if (p.resume_ttl_s == 0 || p.resume_ttl_s > kMaxResumeTtl) {
        return invalid(range_error("resume_ttl", p.resume_ttl_s, 1, kMaxResumeTtl));
    }
    return app;
}

gossip::LocalWrite encode(const App& app) {
    gossip::LocalWrite write;
    write.kind = gossip::RecordKind::app;
    write.key = app.name;
    write.timed_by_application = false;
    const Rollout& r = app.rollout;
    Writer w{write.value};
    w.u8(kAppCodec);
    w.u8(static_cast<std::uint8_t>((r.paused ? kPaused : 0) | (r.hard ? kHard : 0)));
    w.varint(app.parent);
    write_weights(w, r.weights);
    write_weights(w, r.previous);
    w.varint(r.quarantine.size());
    for (const std::string& version : r.quarantine) w.text(version);
    w.varint(r.notify_at);
    w.varint(r.drain_deadline);
    w.varint(r.hold);
    w.varint(r.min_ready);
    w.u8(static_cast<std::uint8_t>(app.policy.pick));
    w.u8(static_cast<std::uint8_t>(app.policy.on_full));
    w.varint(app.policy.ticket_ttl_s);
    w.varint(app.policy.resume_ttl_s);
    w.text(app.policy.backup);
    w.text(app.author);
    return write;
}

Result<App> decode_app(const gossip::RecordFields& fields) {
    Reader r{gossip::as_bytes(fields.value)};
    if (r.u8() != kAppCodec) return Error{Errc::malformed, "an app record of another release"};
    App app;
    app.name = fields.key;
    const std::uint8_t flags = r.u8();
    app.rollout.paused = (flags & kPaused) != 0;
    app.rollout.hard = (flags & kHard) != 0;
    app.parent = r.varint();
    app.rollout.weights = read_weights(r);
    app.rollout.previous = read_weights(r);
    app.rollout.quarantine.resize(static_cast<std::size_t>(bounded(r, kMaxQuarantine)));
    for (std::string& version : app.rollout.quarantine) version = r.text();
    app.rollout.notify_at = r.varint();
    app.rollout.drain_deadline = r.varint();
    app.rollout.hold = word(r);
    app.rollout.min_ready = word(r);
    const std::uint8_t pick = r.u8();
    const std::uint8_t on_full = r.u8();
    // Ways to pick that this release does not know are left to a later one.
    app.policy.pick = pick < kPicks.size() ? static_cast<Pick>(pick) : Pick::spread;
    app.policy.on_full = on_full < kOnFull.size() ? static_cast<OnFull>(on_full) : OnFull::wait;
    app.policy.ticket_ttl_s = word(r);
    app.policy.resume_ttl_s = word(r);
    app.policy.backup = r.text();
    app.author = r.text();
    if (!r.ok()) return Error{Errc::malformed, "an app record that ends too early"};
    if (Problem p = check(app)) return *std::move(p);
    return app;
}

std::string birth_key(std::string_view app, std::string_view version) {
    std::string key{app};
    key += kBirthSeparator;
    key += version;
    return key;
}

std::optional<std::pair<std::string_view, std::string_view>> split_birth_key(std::string_view key) {
    const std::size_t split = key.find(kBirthSeparator);
    if (split == std::string_view::npos) return std::nullopt;
    return std::pair{key.substr(0, split), key.substr(split + 1)};
}

gossip::LocalWrite encode(const Birth& birth) {
    gossip::LocalWrite write;
    write.kind = gossip::RecordKind::version;
    write.key = birth_key(birth.app, birth.version);
    write.timed_by_application = false;
    // The epoch: of one generation the end is greater than every birth, and an earlier birth than a
    // later one. Far below any stamp, as epochs have to be.
    write.last_update = (birth.generation << kBirthBits) | (kLastBirth - birth.ms);
    Writer w{write.value};
    w.u8(kBirthCodec);
    w.varint(birth.ms);
    return write;
}

Result<Birth> decode_birth(const gossip::RecordFields& fields) {
    const auto names = split_birth_key(fields.key);
    if (!names) {
        return Error{Errc::malformed, "a version record whose key names no version"};
    }
    Reader r{gossip::as_bytes(fields.value)};
    const std::uint8_t codec = r.u8();
    Birth birth{std::string{names->first}, std::string{names->second}, r.varint(),
                fields.last_update >> kBirthBits};
    if (codec != kBirthCodec || !r.ok()) {
        return Error{Errc::malformed, "a version record of another release"};
    }
    if (Problem p = check_text({"app_name", 1, kMaxAppName}, birth.app)) return *std::move(p);
    if (Problem p = check_text({"version", 0, kMaxVersion}, birth.version)) return *std::move(p);
    return birth;
}

}  // namespace registry
