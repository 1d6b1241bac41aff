#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace test {

// A socket without manners, for what a well-behaved client library would not send.
class RawConnection {
  public:
    // `type` is SOCK_STREAM or SOCK_DGRAM; `address` is ipv4:port. Reads give up after 10 s. The
    // kernel's least is the least that `receive_buffer` gives; 0: its default.
    RawConnection(const std::string& address, int type, int receive_buffer = 0)
        : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
        const auto colon = address.rfind(':');
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
        ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
        if (receive_buffer > 0) {
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        const timeval limit{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    RawConnection(RawConnection&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
    RawConnection(const RawConnection&) = delete;
    RawConnection& operator=(const RawConnection&) = delete;
    RawConnection& operator=(RawConnection&&) = delete;
    ~RawConnection() {
        if (fd_ >= 0) ::close(fd_);
    }

    [[nodiscard]] bool connected() const { return connected_; }
    // False once the peer does not take more.
    bool send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // Everything until the peer closes, at most `limit` bytes.
    [[nodiscard]] std::string read(std::size_t limit = 1'000'000) const {
        std::string all;
        char buffer[4096];
        while (all.size() < limit) {
            const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
            if (got <= 0) break;
            all.append(buffer, static_cast<std::size_t>(got));
        }
        return all;
    }

    // As read(), but stops behind `end`.
    [[nodiscard]] std::string read_until(std::string_view end) const {
        std::string all;
        char byte = 0;
        while (!all.ends_with(end) && ::recv(fd_, &byte, 1, 0) == 1) all += byte;
        return all;
    }
    // Sends no more, but reads on.
    void half_close() const { ::shutdown(fd_, SHUT_WR); }
    // Closes with a reset instead of an end.
    void reset() {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(std::exchange(fd_, -1));
    }

  private:
    int fd_;
    bool connected_ = false;
};

}  // namespace test
