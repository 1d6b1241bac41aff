#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "gossip/result.h"

namespace node::cli {

struct HttpRequest {
    std::string method = "GET";
    std::string target = "/";
    std::string body = {};  // sent as application/json
    std::map<std::string, std::string> headers = {};
};

// What came of a request. Only `answered` has a status, headers and a body.
struct HttpAnswer {
    enum class Outcome : std::uint8_t {
        answered,
        unreachable,  // no connection, or it was closed before an answer
        timed_out,    // connected, but no answer within the limit
    };

    Outcome outcome = Outcome::unreachable;
    int status = 0;
    std::string body;
    std::map<std::string, std::string> headers;  // names in lower case

    [[nodiscard]] bool answered() const { return outcome == Outcome::answered; }
    [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

// A keep-alive HTTP client of one node. Hides the HTTP library, whose header takes seconds to
// compile. Not thread-safe: one per thread.
class HttpClient {
  public:
    // `url` as normalised() gives it; `limit` bounds the connection, and each wait for bytes.
    explicit HttpClient(const std::string& url,
                        std::chrono::milliseconds limit = std::chrono::seconds(5));
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;
    ~HttpClient();

    HttpAnswer send(const HttpRequest& request);
    HttpAnswer get(const std::string& target) { return send({.target = target}); }
    // A GET whose answer may have no end: `line` is called for every line of a good one, without
    // its newline. Returns when the answer ends, also if it is cut off, with what is no good answer
    // as the body.
    HttpAnswer follow(const std::string& target,
                      const std::function<void(const std::string&)>& line);
    // From any thread: what is under way ends now.
    void stop();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// `http://host:port` of what a person typed: the scheme may be missing, a path may not be there.
[[nodiscard]] gossip::Result<std::string> normalised(const std::string& url);

// `text` as one segment of a path or a query value: everything else than letters, digits and -._~
// is percent-encoded.
[[nodiscard]] std::string url_encoded(const std::string& text);

}  // namespace node::cli
