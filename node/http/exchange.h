#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gossip/result.h"
#include "node/http/shared_bytes.h"

namespace node {

enum class Method : std::uint8_t { get, put, post, del, other };

// One request, as far as our handlers need it. The views live as long as the Exchange.
struct Request {
    Method method = Method::other;  // HEAD arrives as get, and its answer leaves without the body
    bool head = false;
    std::string_view path;   // as sent, percent-encoded, without the query
    std::string_view query;  // behind the '?'
    std::string_view body;
    std::string_view if_match;       // the header of that name; empty if absent
    std::string_view if_none_match;  // likewise
};

struct Response {
    enum class Type : std::uint8_t { json, text };

    int status = 200;
    Type type = Type::json;
    std::string body;
    // Sent instead of `body` if there is one, and shared with other responses: never copied.
    std::shared_ptr<const SharedBytes> shared_body;
    std::string etag;         // with its quotes; empty: none
    std::string allow;        // 405 only: the methods that would have been right
    bool any_origin = false;  // pages of any origin may read it (CORS)
};

// A response without an end: lines of JSON for as long as the client stays. From any thread.
class LineStream {
  public:
    virtual ~LineStream() = default;
    LineStream() = default;
    LineStream(const LineStream&) = delete;
    LineStream& operator=(const LineStream&) = delete;

    // Without its newline. A client that does not read gets only the newest of what was sent.
    virtual void send(std::string line) = 0;
    // The last line and the proper end of the response; nothing follows it.
    virtual void finish(std::string line) = 0;
};

// One request and the way to answer it. What a handler keeps while the core works on a write.
class Exchange {
  public:
    virtual ~Exchange() = default;
    Exchange() = default;
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    [[nodiscard]] virtual const Request& request() const = 0;
    // The caller's IP address as this node sees it.
    [[nodiscard]] virtual std::string client() const = 0;
    // From any thread, at most once. A client that has gone away makes it do nothing.
    virtual void send(Response response) = 0;
    // Instead of send(): status 200, and then lines. `ended` is called on an HTTP thread when the
    // client has gone; never after finish(), and not because the server stops.
    virtual std::shared_ptr<LineStream> stream(std::function<void()> ended) = 0;
};
using ExchangePtr = std::shared_ptr<Exchange>;

// ---- responses

[[nodiscard]] Response text(std::string body);
[[nodiscard]] Response json(std::string body);
// {"error": what was wrong, "hint": what would be right, ...extra}. `extra` is JSON members with a
// leading comma, or empty.
[[nodiscard]] Response problem(int status, std::string_view error, std::string_view hint,
                               std::string_view extra = {});
// The status that says whose fault it is: 400, 404, 413 or 503.
[[nodiscard]] Response problem(const gossip::Error& error);
[[nodiscard]] Response busy();  // 503: the core's queue is full, or the node stops

// Status line and fields up to the empty line. A 304 has no length: it has no body.
[[nodiscard]] std::string format_head(const Response& response, bool keep_alive);

// Does If-None-Match name this entity tag (or any)? `header` may list several, weak ones too.
[[nodiscard]] bool none_match_hits(std::string_view header, std::string_view etag);

}  // namespace node
