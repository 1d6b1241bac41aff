#include "node/cli/http_client.h"

#include <httplib.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "node/address.h"

namespace node::cli {
namespace {

using Clock = std::chrono::steady_clock;
using gossip::Errc;
using gossip::Error;
using gossip::Result;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace

struct HttpClient::Impl {
    Impl(const std::string& url, std::chrono::milliseconds time_limit)
        : client(url), limit(time_limit) {
        client.set_connection_timeout(limit);
        client.set_read_timeout(limit);
        client.set_write_timeout(limit);
        client.set_keep_alive(true);
        client.set_tcp_nodelay(true);
        client.set_url_encode(false);
    }
    httplib::Client client;
    std::chrono::milliseconds limit;
};

HttpClient::HttpClient(const std::string& url, std::chrono::milliseconds limit)
    : impl_(std::make_unique<Impl>(url, limit)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::send(const HttpRequest& request) {
    httplib::Request raw;
    raw.method = request.method;
    raw.path = request.target;
    raw.body = request.body;
    raw.headers.insert(request.headers.begin(), request.headers.end());
    if (!request.body.empty() && !raw.has_header("Content-Type")) {
        raw.set_header("Content-Type", "application/json");
    }
    const auto begin = Clock::now();
    const auto result = impl_->client.send(raw);
    HttpAnswer answer;
    if (!result) {
        const bool waited = result.error() == httplib::Error::ConnectionTimeout ||
                            Clock::now() - begin >= impl_->limit;
        answer.outcome = waited ? HttpAnswer::Outcome::timed_out : HttpAnswer::Outcome::unreachable;
        return answer;
    }
    answer.outcome = HttpAnswer::Outcome::answered;
    answer.status = result->status;
    answer.body = result->body;
    for (const auto& [name, value] : result->headers) answer.headers[lower(name)] = value;
    return answer;
}

HttpAnswer HttpClient::follow(const std::string& target,
                              const std::function<void(const std::string&)>& line) {
    HttpAnswer answer;
    httplib::Request raw;
    raw.method = "GET";
    raw.path = target;
    raw.response_handler = [&answer](const httplib::Response& response) {
        answer.outcome = HttpAnswer::Outcome::answered;
        answer.status = response.status;
        return true;
    };
    raw.content_receiver = [&answer, &line, rest = std::string{}](const char* data,
                                                                  std::size_t size, std::uint64_t,
                                                                  std::uint64_t) mutable {
        std::string& bytes = answer.ok() ? rest : answer.body;
        bytes.append(data, size);
        if (!answer.ok()) return true;
        for (auto end = bytes.find('\n'); end != std::string::npos; end = bytes.find('\n')) {
            line(bytes.substr(0, end));
            bytes.erase(0, end + 1);
        }
        return true;
    };
    static_cast<void>(impl_->client.send(raw));
    return answer;
}

void HttpClient::stop() {
    impl_->client.stop();
}

Result<std::string> normalised(const std::string& url) {
    std::string_view rest = url;
    std::string scheme = "http://";
    if (const auto end = rest.find("://"); end != std::string_view::npos) {
        scheme = rest.substr(0, end + 3);
        rest.remove_prefix(end + 3);
    }
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if ((scheme != "http://" && scheme != "https://") || !parse_host(rest)) {
        return Error{Errc::invalid,
                     "'" + url + "' is no URL of a node: write it as http://host:port"};
    }
    return scheme + std::string(rest);
}

std::string url_encoded(const std::string& text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string result;
    for (const unsigned char c : text) {
        if (std::isalnum(c) != 0 ||
            std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos) {
            result.push_back(static_cast<char>(c));
        } else {
            result.append({'%', kHex[c >> 4U], kHex[c & 15U]});
        }
    }
    return result;
}

}  // namespace node::cli
