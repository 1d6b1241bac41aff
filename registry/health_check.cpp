#include "registry/health_check.h"

#include <algorithm>
#include <charconv>

#include "registry/duration.h"
#include "registry/instance.h"
#include "registry/json.h"

namespace registry {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr std::uint16_t kHttpPort = 80;

Error wrong(Check::Kind kind, std::string_view target, std::string_view why) {
    return {Errc::invalid,
            "check " + std::string(name(kind)) + " " + in_quotes(target) + " " + std::string(why)};
}

// Of a valid address: the port, or nothing.
std::string_view port_of(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) return {};
    const bool v6_without =
        address.front() == '[' ? address.back() == ']' : address.find(':') != colon;
    return v6_without ? std::string_view{} : address.substr(colon + 1);
}

std::uint32_t seconds(std::uint64_t ms) {
    return static_cast<std::uint32_t>((ms + 999) / 1000);
}

}  // namespace

std::string_view name(Check::Kind kind) {
    return kind == Check::Kind::http ? "http" : "tcp";
}

std::string_view host_of(std::string_view address) {
    if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
    const std::size_t colon = address.find(':');
    return colon == address.rfind(':') ? address.substr(0, colon) : address;
}

Result<CheckTarget> parse_target(Check::Kind kind, std::string_view target) {
    if (target.size() > kMaxCheckTarget) return wrong(kind, target, "is longer than 256 B");
    const bool plain =
        std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!plain) return wrong(kind, target, "has a space or a character that is not ASCII");

    std::string_view authority = target;
    std::string path;
    if (kind == Check::Kind::http) {
        if (target.starts_with(kHttps)) {
            return wrong(kind, target,
                         "cannot be checked: a node trusts no certificate authority; give an "
                         "http:// URL, or a tcp check of the same port");
        }
        if (!target.starts_with(kHttp)) return wrong(kind, target, "is no http:// URL");
        if (target.find('#') != std::string_view::npos) {
            return wrong(kind, target, "has a fragment, which no server is sent");
        }
        authority.remove_prefix(kHttp.size());
        const std::size_t end = std::min(authority.find_first_of("/?"), authority.size());
        path = authority.substr(end);
        if (!path.starts_with('/')) path.insert(path.begin(), '/');
        authority = authority.substr(0, end);
        if (!authority.starts_with('[') && authority.find(':') != authority.rfind(':')) {
            return wrong(kind, target, "has no host[:port]: IPv6 wants brackets");
        }
    }
    if (const auto problem = check_address(authority)) {
        return wrong(kind, target, "has no host[:port]: " + problem->message);
    }
    const std::string_view port = port_of(authority);
    if (port.empty() && kind == Check::Kind::tcp) return wrong(kind, target, "has no port");
    CheckTarget parsed{std::string(host_of(authority)), kHttpPort, std::move(path)};
    if (!port.empty()) std::from_chars(port.data(), port.data() + port.size(), parsed.port);
    return parsed;
}

std::optional<Error> check_limits(const Check& check) {
    if (auto target = parse_target(check.kind, check.target); !target) return target.error();
    const auto shown = [](std::uint32_t ms) {
        return duration_text(std::chrono::milliseconds{ms});
    };
    if (check.interval_ms < kMinCheckInterval || check.interval_ms > kMaxCheckInterval) {
        return Error{Errc::invalid, "check interval " + shown(check.interval_ms) + " is not from " +
                                        shown(kMinCheckInterval) + " to " +
                                        shown(kMaxCheckInterval)};
    }
    if (check.timeout_ms < kMinCheckTimeout || check.timeout_ms > check.interval_ms) {
        return Error{Errc::invalid, "check timeout " + shown(check.timeout_ms) + " is not from " +
                                        shown(kMinCheckTimeout) + " to its interval, " +
                                        shown(check.interval_ms)};
    }
    return std::nullopt;
}

std::uint32_t least_ttl(const Check& check) {
    return seconds(std::uint64_t{check.interval_ms} * kMissesToExpire + check.timeout_ms);
}

std::uint32_t default_ttl(const Check& check) {
    // One interval more than it takes to expire, for the jitter of the tries.
    return std::max(kDefaultTtl, least_ttl(check) + seconds(check.interval_ms));
}

void append_check(std::string& out, const Check& check) {
    out += "{\"";
    out += name(check.kind);
    out += "\":";
    append_string(out, check.target);
    out += ",\"interval\":\"";
    out += duration_text(std::chrono::milliseconds{check.interval_ms});
    out += "\",\"timeout\":\"";
    out += duration_text(std::chrono::milliseconds{check.timeout_ms});
    out += "\"}";
}

}  // namespace registry
