#include "node/http/exchange.h"

#include <charconv>

#include "registry/json.h"

namespace node {
namespace {

std::string_view reason(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        case 507:
            return "Insufficient Storage";
        default:
            return "Unknown";
    }
}

void append_number(std::string& out, std::size_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number);
    out.append(digits, end.ptr);
}

}  // namespace

Response text(std::string body) {
    Response response;
    response.type = Response::Type::text;
    response.body = std::move(body);
    return response;
}

Response json(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
}

Response problem(int status, std::string_view error, std::string_view hint,
                 std::string_view extra) {
    Response response;
    response.status = status;
    response.body = R"({"error":)";
    registry::append_string(response.body, error);
    response.body += R"(,"hint":)";
    registry::append_string(response.body, hint);
    response.body += extra;
    response.body += "}\n";
    return response;
}

Response problem(const gossip::Error& error) {
    switch (error.code) {
        case gossip::Errc::malformed:
            return problem(400, error.message, "send a JSON object; the place is in the error");
        case gossip::Errc::invalid:
            return problem(400, error.message, "correct the named value and send it again");
        case gossip::Errc::not_found:
            return problem(404, error.message, "GET /v1/instances lists what there is");
        case gossip::Errc::too_large:
            return problem(413, error.message, "send less");
        case gossip::Errc::unavailable:
            break;
    }
    return problem(503, error.message, "try again, or ask another node");
}

Response busy() {
    return problem(503, "this node cannot take a write now", "try again, or ask another node");
}

std::string format_head(const Response& response, bool keep_alive) {
    std::string head;
    head.reserve(192);
    head += "HTTP/1.1 ";
    append_number(head, static_cast<std::size_t>(response.status));
    head += ' ';
    head += reason(response.status);
    head += keep_alive ? "\r\nConnection: keep-alive" : "\r\nConnection: close";
    if (response.status != 304) {
        head += response.type == Response::Type::json ? "\r\nContent-Type: application/json"
                                                      : "\r\nContent-Type: text/plain";
        head += "\r\nContent-Length: ";
        append_number(head,
                      response.shared_body ? response.shared_body->size() : response.body.size());
    }
    if (!response.etag.empty()) (head += "\r\nETag: ") += response.etag;
    if (!response.allow.empty()) (head += "\r\nAllow: ") += response.allow;
    if (response.any_origin) head += "\r\nAccess-Control-Allow-Origin: *";
    head += "\r\n\r\n";
    return head;
}

bool none_match_hits(std::string_view header, std::string_view etag) {
    if (header.empty()) return false;
    // A tag of ours has its quotes, so it cannot be found inside another.
    return header == "*" || header.find(etag) != std::string_view::npos;
}

}  // namespace node
