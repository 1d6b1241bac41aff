#include "node/cli/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <optional>

namespace node::cli {
namespace {

bool can_bind(const std::string& host, std::uint16_t port, int type) {
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    // As a server would bind it: connections of a former one that linger do not count.
    const int yes = 1;
    if (type == SOCK_STREAM) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    const bool free =
        ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1 &&
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        (type != SOCK_STREAM || ::listen(fd, 1) == 0);
    ::close(fd);
    return free;
}

// The socket that holds the claim; nothing if somebody else has it.
std::optional<int> claim(const std::string& host, std::uint16_t port) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "hearsay-port-" + host + ":" + std::to_string(port);
    std::copy(name.begin(), name.end(), address.sun_path + 1);  // a leading 0: no file
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return {};
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
    ::close(fd);
    return {};
}

}  // namespace

bool port_is_free(const std::string& host, std::uint16_t port) {
    return can_bind(host, port, SOCK_STREAM) && can_bind(host, port, SOCK_DGRAM);
}

std::uint16_t free_port(const std::string& host, std::uint16_t wish) {
    for (unsigned port = wish; port <= UINT16_MAX; ++port) {
        const auto candidate = static_cast<std::uint16_t>(port);
        if (port_is_free(host, candidate)) return candidate;
    }
    return 0;
}

PortClaims::~PortClaims() {
    for (const int socket : sockets_) ::close(socket);
}

std::uint16_t PortClaims::take(const std::string& host, std::uint16_t wish) {
    for (unsigned port = wish; port <= UINT16_MAX; ++port) {
        const auto candidate = static_cast<std::uint16_t>(port);
        const auto socket = claim(host, candidate);
        if (!socket) continue;
        if (port_is_free(host, candidate)) {
            sockets_.push_back(*socket);
            return candidate;
        }
        ::close(*socket);
    }
    return 0;
}

}  // namespace node::cli
