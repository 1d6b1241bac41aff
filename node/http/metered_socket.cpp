#include "node/http/metered_socket.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "node/http/exchange.h"

namespace node {
namespace {

std::string whole(const Response& response) {
    return format_head(response, false) + response.body;
}

std::string_view too_large() {
    static const std::string bytes =
        whole(problem(413, "the body is larger than this node takes",
                      "one instance may have 1 MiB, POST /registry/register_all 16 MiB"));
    return bytes;
}
std::string_view too_many_headers() {
    static const std::string bytes =
        whole(problem(431, "the headers are too large", "send at most 64, of at most 8 kB each"));
    return bytes;
}
std::string_view malformed() {
    static const std::string bytes =
        whole(problem(400, "the request is not HTTP/1.1 as we understand it",
                      "check its first line, its headers and its length"));
    return bytes;
}
std::string_view timed_out() {
    static const std::string bytes = whole(
        problem(408, "the request was not complete in time, or its answer was not found in time",
                "send it again, all at once"));
    return bytes;
}
std::string_view too_busy() {
    static const std::string bytes =
        whole(problem(503, "this node holds too many large requests", "try again later"));
    return bytes;
}

// How RESTinio 0.6.16 reports what http_parser's callbacks and its own limits refuse. A text that
// is not here is answered with 400.
struct Reason {
    std::string_view in_message;
    std::string_view (*farewell)();
};
constexpr std::array kReasons{
    Reason{"HPE_CB_headers_complete", too_large},
    Reason{"HPE_CB_body", too_large},
    Reason{"HPE_CB_chunk_header", too_large},
    Reason{"HPE_CB_url", too_many_headers},
    Reason{"HPE_CB_header_field", too_many_headers},
    Reason{"HPE_CB_header_value", too_many_headers},
    Reason{"HPE_HEADER_OVERFLOW", too_many_headers},
    Reason{"Cannot allocate memory", too_busy},
};

}  // namespace

asio::execution_context::id ConnectionMeter::id;

void ConnectionMeter::closing_because(std::string_view message) {
    farewell_ = malformed();
    for (const Reason& reason : kReasons) {
        if (message.find(reason.in_message) != std::string_view::npos) {
            farewell_ = reason.farewell();
            return;
        }
    }
}

std::string_view ConnectionMeter::farewell() {
    // RESTinio reports every error, but not that time is up.
    const std::string_view known = std::exchange(farewell_, {});
    return known.empty() ? timed_out() : known;
}

namespace {
thread_local std::weak_ptr<const SharedBytes> remembered;
}  // namespace

void remember_file(const std::shared_ptr<const SharedBytes>& bytes) {
    if (bytes->file() >= 0) remembered = bytes;
}

// Bytes that are still there are at an address that no others have.
int file_behind(asio::const_buffer buffer) {
    const auto bytes = remembered.lock();
    const bool same = bytes && bytes->data() == buffer.data() && bytes->size() == buffer.size();
    return same ? bytes->file() : -1;
}

std::error_code FileSend::advance(int socket) {
    while (head_.size() + left_ > 0) {
        const ssize_t n = head_.size() > 0 ? ::send(socket, head_.data(), head_.size(),
                                                    MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL)
                                           : ::sendfile(socket, file_, &offset_, left_);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return {errno, asio::error::get_system_category()};
        if (n == 0) return asio::error::eof;  // the file is shorter: cannot happen
        const auto moved = static_cast<std::size_t>(n);
        sent_ += moved;
        if (head_.size() > 0) {
            head_ += moved;
        } else {
            left_ -= moved;
        }
    }
    return {};
}

void MeteredSocket::say_farewell() {
    const std::string_view bytes = meter_->farewell();
    if (unanswered_ == 0) return;  // idle, or answered
    // One try: a client that does not read is not worth waiting for.
    static_cast<void>(
        ::send(native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace node
