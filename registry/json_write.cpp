#include <algorithm>
#include <array>
#include <charconv>

#include "registry/json.h"

namespace registry {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kMaxQuoted = 80;

bool continues(std::string_view text, std::size_t at, unsigned char low, unsigned char high) {
    if (at >= text.size()) return false;
    const auto c = static_cast<unsigned char>(text[at]);
    return c >= low && c <= high;
}

// Bytes of the UTF-8 character that `text` starts with; 0 if it starts with none (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF). Requires that text is not empty.
std::size_t utf8_size(std::string_view text) {
    const auto c = static_cast<unsigned char>(text[0]);
    if (c < 0x80) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    if (c < 0xe0) return continues(text, 1, 0x80, 0xbf) ? 2 : 0;
    const unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (!continues(text, 1, low, high) || !continues(text, 2, 0x80, 0xbf)) return 0;
    if (c < 0xf0) return 3;
    return continues(text, 3, 0x80, 0xbf) ? 4 : 0;
}

void append_escape(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
}

bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const auto* plain_end = std::find_if_not(text.begin(), text.end(), is_plain);
        out.append(text.begin(), plain_end);
        text.remove_prefix(static_cast<std::size_t>(plain_end - text.begin()));
        if (text.empty()) break;
        const std::size_t size = utf8_size(text);
        if (size > 1) {
            out.append(text.substr(0, size));
        } else if (size == 1) {
            append_escape(out, text[0]);
        } else {
            out += "\xef\xbf\xbd";  // U+FFFD
        }
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    out += '"';
}

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_hex(std::string& out, std::uint64_t word) {
    for (int shift = 60; shift >= 0; shift -= 4) out += kHex[(word >> shift) & 15];
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
    std::uint64_t word = 0;
    const auto [stop, error] = std::from_chars(text.begin(), text.end(), word, 16);
    if (error != std::errc{} || stop != text.end()) return std::nullopt;
    return word;
}

std::string format_ver(gossip::Stamp stamp) {
    std::string text;
    append_number(text, stamp.value);
    return text;
}

std::optional<gossip::Stamp> parse_ver(std::string_view text) {
    gossip::Stamp stamp;
    const auto [stop, error] = std::from_chars(text.begin(), text.end(), stamp.value);
    if (error != std::errc{} || stop != text.end()) return std::nullopt;
    return stamp;
}

std::string in_quotes(std::string_view text) {
    std::string_view shown = text.substr(0, kMaxQuoted);
    // Not in the middle of a character.
    while (shown.size() < text.size() && !shown.empty() && (text[shown.size()] & 0xc0) == 0x80) {
        shown.remove_suffix(1);
    }
    std::string out;
    append_string(out, shown);
    if (shown.size() < text.size()) out += "...";
    return out;
}

bool valid_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace registry
