#include "node/http/query.h"

#include <algorithm>

#include "registry/instance.h"
#include "registry/json.h"

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string joined(const std::vector<std::string_view>& names) {
    std::string out;
    for (const std::string_view name : names) {
        if (!out.empty()) out += ", ";
        out += name;
    }
    return out;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, char plus) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            out += plus;
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

Result<std::string> name_in(std::string_view path, std::string_view before,
                            std::string_view behind) {
    const auto name =
        percent_decoded(path.substr(before.size(), path.size() - before.size() - behind.size()));
    if (!name) {
        return Error{Errc::invalid, "the path " + registry::in_quotes(path) +
                                        " has a '%' that two hex digits do not follow"};
    }
    if (name->empty()) {
        return Error{Errc::invalid, "the path " + registry::in_quotes(path) + " lacks a name"};
    }
    return *name;
}

Result<std::string> address_in(std::string_view path, std::string_view before,
                               std::string_view behind) {
    auto address = name_in(path, before, behind);
    if (!address) return address;
    if (auto error = registry::check_address(*address)) return *std::move(error);
    return address;
}

Result<std::optional<gossip::Stamp>> parse_if_match(std::string_view header) {
    if (header.empty()) return std::optional<gossip::Stamp>{};
    std::string_view ver = header;
    if (ver.size() >= 2 && ver.starts_with('"') && ver.ends_with('"')) {
        ver = ver.substr(1, ver.size() - 2);
    }
    const auto stamp = registry::parse_ver(ver);
    if (!stamp) {
        return Error{Errc::invalid, "If-Match: " + registry::in_quotes(header) +
                                        " is no version; send the row's ver, a number"};
    }
    return stamp;
}

gossip::Result<std::vector<std::pair<std::string, std::string>>> parse_query(
    std::string_view query, const std::vector<std::string_view>& known) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) {
            return Error{Errc::invalid,
                         "query: " + registry::in_quotes(pair) + " has no value; write name=value"};
        }
        auto name = percent_decoded(pair.substr(0, equals), ' ');
        auto value = percent_decoded(pair.substr(equals + 1), ' ');
        if (!name || !value) {
            return Error{Errc::invalid, "query: " + registry::in_quotes(pair) +
                                            " has a '%' that two hex digits do not follow"};
        }
        if (std::find(known.begin(), known.end(), *name) == known.end()) {
            return Error{Errc::invalid, "query: unknown parameter " + registry::in_quotes(*name) +
                                            "; known are " + joined(known)};
        }
        const bool twice = std::any_of(parameters.begin(), parameters.end(),
                                       [&](const auto& p) { return p.first == *name; });
        if (twice) {
            return Error{Errc::invalid, "query: " + registry::in_quotes(*name) + " is given twice"};
        }
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

Result<bool> parse_flag(std::string_view name, std::string_view value) {
    if (value == "1" || value == "true") return true;
    if (value == "0" || value == "false") return false;
    return Error{Errc::invalid,
                 std::string{name} + ": " + registry::in_quotes(value) + " is neither 1 nor 0"};
}

}  // namespace node
