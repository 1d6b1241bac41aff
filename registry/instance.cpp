#include "registry/instance.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gossip/bytes.h"
#include "registry/json.h"
#include "registry/text.h"

namespace registry {
namespace {

using Problem = std::optional<Error>;

constexpr std::array<std::string_view, 4> kPhaseNames{"starting", "running", "stopping", "stopped"};
constexpr std::array<std::string_view, kStates> kStateNames{
    "up", "starting", "draining", "suspect", "unreachable", "expired", "stopped"};

constexpr std::uint8_t kCodec = 1;  // of a record's value; the number of an incompatible change
constexpr std::uint8_t kReadyToClose = 1;

Error invalid(std::string message) {
    return {Errc::invalid, std::move(message)};
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || text.front() == '0') return false;
    if (!std::all_of(text.begin(), text.end(), is_digit)) return false;
    unsigned port = 0;
    for (const char c : text) port = port * 10 + static_cast<unsigned>(c - '0');
    return port <= 65'535;
}

bool is_ip(int family, std::string_view text) {
    // No address is longer, and inet_pton wants a terminated string without a NUL inside.
    if (text.size() > 45 || text.find('\0') != std::string_view::npos) return false;
    std::array<unsigned char, 16> ip{};
    return inet_pton(family, std::string(text).c_str(), ip.data()) == 1;
}

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
        return false;
    }
    return std::all_of(label.begin(), label.end(),
                       [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

// What is wrong with a host that has neither brackets nor a colon, or nullptr.
const char* host_problem(std::string_view host) {
    const std::string_view last = host.substr(host.rfind('.') + 1);
    if (!last.empty() && std::all_of(last.begin(), last.end(), is_digit)) {
        // No top-level domain is a number, so this can only be meant as an address.
        return is_ip(AF_INET, host) ? nullptr : "is no IPv4 address: four numbers of 0..255";
    }
    while (true) {
        const std::size_t dot = host.find('.');
        if (!is_label(host.substr(0, dot))) {
            return "is no host: names are labels of 1..63 letters, digits, '-' and '_', with dots";
        }
        if (dot == std::string_view::npos) return nullptr;
        host.remove_prefix(dot + 1);
    }
}

const char* address_problem(std::string_view address) {
    if (address.empty()) return "is empty: give host[:port]";
    if (address.size() > kMaxAddress) return "is longer than 255 B";
    if (address.find("://") != std::string_view::npos) return "has a scheme: give host[:port] only";
    if (address.find('/') != std::string_view::npos) return "has a path: give host[:port] only";
    if (address.find(' ') != std::string_view::npos) return "has a space: give host[:port]";

    std::string_view port;
    bool has_port = false;
    if (address.front() == '[') {
        const std::size_t close = address.find(']');
        if (!is_ip(AF_INET6, address.substr(1, close - 1)) || close == std::string_view::npos) {
            return "is no IPv6 address in brackets";
        }
        const std::string_view rest = address.substr(close + 1);
        has_port = !rest.empty();
        if (has_port && rest.front() != ':') return "has text behind ']' that is no :port";
        if (has_port) port = rest.substr(1);
    } else {
        const std::size_t colon = address.find(':');
        if (colon != address.rfind(':')) {
            return is_ip(AF_INET6, address) ? nullptr
                                            : "is no host[:port]: IPv6 with a port wants brackets";
        }
        has_port = colon != std::string_view::npos;
        if (has_port) port = address.substr(colon + 1);
        if (const char* problem = host_problem(address.substr(0, colon))) return problem;
    }
    if (has_port && !is_port(port)) return "has a port that is not 1..65535";
    return nullptr;
}

// The rules that hold for what peers send, too.
Problem check(const Instance& x) {
    if (Problem p = check_address(x.address)) return p;
    if (Problem p = check_text({"app_name", 1, kMaxAppName}, x.app_name)) return p;
    if (Problem p = check_text({"version", 0, kMaxVersion}, x.version)) return p;
    if (Problem p = check_text({"zone", 0, kMaxZone}, x.zone)) return p;
    if (x.check) {
        // Not the limits: a later release may set others.
        const auto target = parse_target(x.check->kind, x.check->target);
        if (!target) return target.error();
    }
    return check_metadata(x.metadata);
}

constexpr std::uint8_t kNoCheck = 0;

Check read_check(gossip::Reader& r, Check::Kind kind) {
    Check check;
    check.kind = kind;
    check.target = r.text();
    const std::uint64_t interval = r.varint();
    const std::uint64_t timeout = r.varint();
    if (interval == 0 || interval > UINT32_MAX || timeout == 0 || timeout > UINT32_MAX) r.fail();
    check.interval_ms = static_cast<std::uint32_t>(interval);
    check.timeout_ms = static_cast<std::uint32_t>(timeout);
    return check;
}

// Behind everything that the first release wrote: a check, then the rollout's fields. A kind of
// check that this release does not know is left to a later one, with what follows it.
void read_tail(gossip::Reader& r, Instance& x) {
    if (!r.ok() || r.left() == 0) return;
    const std::uint8_t kind = r.u8();
    const bool http = kind == static_cast<std::uint8_t>(Check::Kind::http);
    const bool tcp = kind == static_cast<std::uint8_t>(Check::Kind::tcp);
    if (http || tcp) {
        x.check = read_check(r, http ? Check::Kind::http : Check::Kind::tcp);
    } else if (kind != kNoCheck) {
        return;
    }
    if (!r.ok() || r.left() == 0) return;
    const std::uint64_t protocol = r.varint();
    if (protocol > UINT32_MAX) r.fail();
    x.protocol = static_cast<std::uint32_t>(protocol);
    x.acked_epoch = r.varint();
    x.closed_epoch = r.varint();
}

void write_tail(gossip::Writer& w, const Instance& x) {
    const bool more = x.protocol != 0 || x.acked_epoch != 0 || x.closed_epoch != 0;
    if (x.check) {
        w.u8(static_cast<std::uint8_t>(x.check->kind));
        w.text(x.check->target);
        w.varint(x.check->interval_ms);
        w.varint(x.check->timeout_ms);
    } else if (more) {
        w.u8(kNoCheck);
    }
    if (!more) return;
    w.varint(x.protocol);
    w.varint(x.acked_epoch);
    w.varint(x.closed_epoch);
}

bool full(const Instance& x) {
    return x.capacity > 0 && x.sessions >= x.capacity;
}

}  // namespace

std::string_view name(Phase phase) {
    return kPhaseNames[static_cast<std::size_t>(phase)];
}
std::string_view name(State state) {
    return kStateNames[static_cast<std::size_t>(state)];
}

std::optional<Phase> phase_of(std::string_view name) {
    const auto* found = std::find(kPhaseNames.begin(), kPhaseNames.end(), name);
    if (found == kPhaseNames.end()) return std::nullopt;
    return static_cast<Phase>(found - kPhaseNames.begin());
}

std::optional<State> state_of(std::string_view name) {
    const auto* found = std::find(kStateNames.begin(), kStateNames.end(), name);
    if (found == kStateNames.end()) return std::nullopt;
    return static_cast<State>(found - kStateNames.begin());
}

std::optional<Error> check_address(std::string_view address) {
    const char* problem = address_problem(address);
    if (!problem) return std::nullopt;
    return invalid("address " + in_quotes(address) + " " + problem);
}

Result<Instance> validated(Instance instance) {
    if (Problem p = check(instance)) return *std::move(p);
    if (instance.last_update > kMaxLastUpdate) {
        return invalid("last_update " + std::to_string(instance.last_update) +
                       " looks like milliseconds: divide by 1000, it is in Unix seconds");
    }
    if (instance.ttl_s == 0 || instance.ttl_s > kMaxTtl) {
        return invalid("ttl " + std::to_string(instance.ttl_s) + " is not within 1..3600 seconds");
    }
    if (!instance.check) return instance;
    if (Problem p = check_limits(*instance.check)) return *std::move(p);
    if (instance.ttl_s < least_ttl(*instance.check)) {
        return invalid("ttl " + std::to_string(instance.ttl_s) +
                       " is shorter than three intervals " +
                       "and a timeout of the check: give at least " +
                       std::to_string(least_ttl(*instance.check)) + ", or leave it out");
    }
    return instance;
}

Change change(const Instance& before, const Instance& after) {
    if (before.app_name != after.app_name || before.version != after.version ||
        before.incarnation != after.incarnation || before.phase != after.phase ||
        before.protocol != after.protocol || before.closed_epoch != after.closed_epoch ||
        before.ready_to_close != after.ready_to_close ||
        (before.sessions == 0) != (after.sessions == 0) || full(before) != full(after)) {
        return Change::state;
    }
    const bool same = before.capacity == after.capacity && before.sessions == after.sessions &&
                      before.zone == after.zone && before.metadata == after.metadata &&
                      before.ttl_s == after.ttl_s && before.check == after.check &&
                      before.acked_epoch == after.acked_epoch;
    return same ? Change::none : Change::content;
}

void continue_life(const Instance& before, Instance& after) {
    if (before.incarnation != after.incarnation || before.app_name != after.app_name) return;
    after.phase = std::max(before.phase, after.phase);
    after.acked_epoch = std::max(before.acked_epoch, after.acked_epoch);
    after.closed_epoch = std::max(before.closed_epoch, after.closed_epoch);
}

gossip::LocalWrite encode(const Instance& instance) {
    gossip::LocalWrite write;
    write.kind = gossip::RecordKind::instance;
    write.key = instance.address;
    write.last_update = instance.last_update;
    write.ttl_s = instance.ttl_s;
    gossip::Writer w{write.value};
    w.u8(kCodec);
    w.text(instance.app_name);
    w.text(instance.version);
    w.varint(instance.incarnation);
    w.u8(static_cast<std::uint8_t>(instance.phase));
    w.varint(instance.capacity);
    w.varint(instance.sessions);
    w.u8(instance.ready_to_close ? kReadyToClose : 0);
    w.text(instance.zone);
    w.text(instance.metadata == "{}" ? std::string_view{} : instance.metadata);
    write_tail(w, instance);
    return write;
}

Result<Instance> decode(const gossip::RecordFields& fields) {
    gossip::Reader r{gossip::as_bytes(fields.value)};
    const std::uint8_t codec = r.u8();
    if (codec != kCodec) {
        return Error{Errc::malformed, "instance " + in_quotes(fields.key) + " in codec " +
                                          std::to_string(codec) + ", this release reads 1"};
    }
    Instance x;
    x.address = fields.key;
    x.app_name = r.text();
    x.version = r.text();
    x.incarnation = r.varint();
    const std::uint8_t phase = r.u8();
    const std::uint64_t capacity = r.varint();
    const std::uint64_t sessions = r.varint();
    x.ready_to_close = (r.u8() & kReadyToClose) != 0;
    x.zone = r.text();
    const std::string_view metadata = r.text();
    read_tail(r, x);
    if (!r.ok() || phase >= kPhaseNames.size() || capacity > UINT32_MAX || sessions > UINT32_MAX) {
        return Error{Errc::malformed, "instance " + in_quotes(fields.key) +
                                          " whose bytes end early or hold impossible numbers"};
    }
    x.phase = static_cast<Phase>(phase);
    x.capacity = static_cast<std::uint32_t>(capacity);
    x.sessions = static_cast<std::uint32_t>(sessions);
    if (!metadata.empty()) x.metadata = metadata;
    x.last_update = fields.last_update;
    x.ttl_s = fields.ttl_s;
    x.owner = fields.owner;
    if (Problem p = check(x)) return *std::move(p);
    return x;
}

std::optional<Check> decode_check(const gossip::RecordFields& fields) {
    gossip::Reader r{gossip::as_bytes(fields.value)};
    if (r.u8() != kCodec) return std::nullopt;
    r.text();    // app_name
    r.text();    // version
    r.varint();  // incarnation
    r.u8();      // phase
    r.varint();  // capacity
    r.varint();  // sessions
    r.u8();      // ready_to_close
    r.text();    // zone
    r.text();    // metadata
    Instance x;
    read_tail(r, x);
    return r.ok() ? std::move(x.check) : std::nullopt;
}

}  // namespace registry
