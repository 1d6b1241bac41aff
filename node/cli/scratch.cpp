#include "node/cli/scratch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>

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

}  // namespace

ScratchDir::ScratchDir(const std::string& prefix) {
    std::error_code problem;
    auto parent = std::filesystem::temp_directory_path(problem);
    if (problem) parent = "/tmp";
    std::string name = (parent / (prefix + "-XXXXXX")).string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

ScratchDir::~ScratchDir() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

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

}  // namespace node::cli
