#include "node/checks/policy.h"

#include <algorithm>
#include <span>

#include "registry/json.h"

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using Octets = std::span<const std::uint8_t>;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_host(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

bool all_are(Octets octets, std::uint8_t value) {
    return std::all_of(octets.begin(), octets.end(), [value](auto o) { return o == value; });
}

bool no_host_v4(Octets ip) {
    return ip[0] == 0 ||                      // "this network", 0.0.0.0 among them
           (ip[0] == 169 && ip[1] == 254) ||  // link-local
           (ip[0] >= 224 && ip[0] <= 239) ||  // multicast
           all_are(ip, 0xff);                 // broadcast
}

// Is there an IPv4 address in its last four octets? ::ffff:a.b.c.d, ::a.b.c.d, and 64:ff9b::a.b.c.d
// of NAT64 (RFC 6052).
bool holds_v4(Octets ip) {
    if (all_are(ip.first(10), 0))
        return all_are(ip.subspan(10, 2), 0xff) || all_are(ip.subspan(10, 2), 0);
    return ip[0] == 0 && ip[1] == 0x64 && ip[2] == 0xff && ip[3] == 0x9b &&
           all_are(ip.subspan(4, 8), 0);
}

bool is_loopback_v6(Octets ip) {
    return all_are(ip.first(15), 0) && ip[15] == 1;
}

}  // namespace

std::optional<Error> CheckPolicy::refusal(std::string_view address,
                                          const registry::Check& check) const {
    const auto target = registry::parse_target(check.kind, check.target);
    if (!target) return target.error();
    if (any || same_host(target->host, registry::host_of(address))) return std::nullopt;
    const auto allowed = std::find_if(hosts.begin(), hosts.end(), [&](const std::string& host) {
        return same_host(host, target->host);
    });
    if (allowed != hosts.end()) return std::nullopt;
    return Error{Errc::invalid, "the check of " + registry::in_quotes(address) + " goes to " +
                                    registry::in_quotes(target->host) + ", another host"};
}

bool CheckPolicy::may_connect(const gossip::Endpoint& to) const {
    if (any) return true;
    const Octets ip{to.ip};
    if (is_loopback_v6(ip)) return true;
    if (holds_v4(ip)) return !no_host_v4(ip.last(4));
    const bool link_local = ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
    return !link_local && ip[0] != 0xff;
}

}  // namespace node
