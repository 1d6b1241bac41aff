#include "node/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace node {
namespace {

using gossip::Endpoint;
using gossip::Errc;
using gossip::Error;
using gossip::Result;

Error malformed(std::string_view text, std::string_view legal) {
    return {Errc::malformed, "'" + std::string{text} + "' is not " + std::string{legal}};
}

constexpr std::string_view kHostPort = "HOST:PORT (for IPv6 [ADDRESS]:PORT, port at most 65535)";

bool legal_host(std::string_view host) {
    return !host.empty() && host.size() <= 255 &&
           host.find_first_of(" \t\n\r/@[]") == std::string_view::npos;
}

Endpoint from_v4(const in_addr& address, std::uint16_t port) {
    std::uint8_t b[4];
    std::memcpy(b, &address, sizeof b);
    return Endpoint::v4(b[0], b[1], b[2], b[3], port);
}

Endpoint from_v6(const in6_addr& address, std::uint16_t port) {
    Endpoint e;
    std::memcpy(e.ip.data(), &address, e.ip.size());
    e.port = port;
    return e;
}

// Splits at the colon that separates host and port; without one the port is empty.
struct Split {
    std::string_view host;
    std::string_view port;
    bool has_port = false;
};
Result<Split> split(std::string_view text) {
    if (!text.empty() && text.front() == '[') {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return malformed(text, kHostPort);
        const std::string_view rest = text.substr(end + 1);
        if (rest.empty()) return Split{text.substr(1, end - 1), {}, false};
        if (rest.front() != ':') return malformed(text, kHostPort);
        return Split{text.substr(1, end - 1), rest.substr(1), true};
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return Split{text, {}, false};
    if (text.find(':') != colon) return malformed(text, kHostPort);  // bare IPv6 is ambiguous
    return Split{text.substr(0, colon), text.substr(colon + 1), true};
}

}  // namespace

bool mapped_v4(const Endpoint& endpoint) {
    const auto& ip = endpoint.ip;
    return std::all_of(ip.begin(), ip.begin() + 10, [](auto b) { return b == 0; }) &&
           ip[10] == 0xff && ip[11] == 0xff;
}

std::string to_string(const HostPort& address) {
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

HostPort host_port(const Endpoint& endpoint) {
    char text[INET6_ADDRSTRLEN] = {};
    if (mapped_v4(endpoint)) {
        inet_ntop(AF_INET, endpoint.ip.data() + kMappedPrefix, text, sizeof text);
    } else {
        inet_ntop(AF_INET6, endpoint.ip.data(), text, sizeof text);
    }
    return {text, endpoint.port};
}

Result<HostPort> parse_host_port(std::string_view text, bool allow_zero) {
    const Result<Split> parts = split(text);
    if (!parts) return parts.error();
    unsigned port = 0;
    const std::string_view digits = parts->port;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool whole = problem == std::errc{} && end == digits.data() + digits.size();
    if (!parts->has_port || !whole || port > 65'535 || !legal_host(parts->host)) {
        return malformed(text, kHostPort);
    }
    if (port == 0 && !allow_zero) {
        return malformed(text, "an address that can be reached: its port is 0");
    }
    return HostPort{std::string{parts->host}, static_cast<std::uint16_t>(port)};
}

Result<HostPort> parse_host(std::string_view text) {
    in6_addr ignored{};
    if (inet_pton(AF_INET6, std::string{text}.c_str(), &ignored) == 1) {
        return HostPort{std::string{text}, 0};
    }
    const Result<Split> parts = split(text);
    if (!parts) return parts.error();
    if (parts->has_port) return parse_host_port(text, false);
    if (!legal_host(parts->host)) return malformed(text, "HOST or HOST:PORT");
    return HostPort{std::string{parts->host}, 0};
}

Result<Endpoint> literal_endpoint(const HostPort& address) {
    in_addr v4{};
    if (inet_pton(AF_INET, address.host.c_str(), &v4) == 1) return from_v4(v4, address.port);
    in6_addr v6{};
    if (inet_pton(AF_INET6, address.host.c_str(), &v6) == 1) return from_v6(v6, address.port);
    return Error{Errc::not_found, "'" + address.host + "' is a name, not an IP address"};
}

bool is_wildcard(const Endpoint& endpoint) {
    const auto first = endpoint.ip.begin() + (mapped_v4(endpoint) ? 12 : 0);
    return std::all_of(first, endpoint.ip.end(), [](auto b) { return b == 0; });
}

Endpoint first_interface(std::uint16_t port) {
    Endpoint found = Endpoint::v4(127, 0, 0, 1, port);
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return found;
    bool have_v6 = false;
    for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_UP) == 0) continue;
        if ((i->ifa_flags & IFF_LOOPBACK) != 0) continue;
        if (i->ifa_addr->sa_family == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, i->ifa_addr, sizeof address);
            found = from_v4(address.sin_addr, port);
            break;
        }
        if (i->ifa_addr->sa_family == AF_INET6 && !have_v6) {
            sockaddr_in6 address{};
            std::memcpy(&address, i->ifa_addr, sizeof address);
            // A link-local address means nothing without the name of our interface.
            if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) continue;
            found = from_v6(address.sin6_addr, port);
            have_v6 = true;
        }
    }
    freeifaddrs(list);
    return found;
}

}  // namespace node
