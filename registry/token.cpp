#include "registry/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "gossip/bytes.h"
#include "gossip/check.h"
#include "registry/json.h"

namespace registry {
namespace {

using gossip::Bytes;
using gossip::Errc;
using gossip::Error;
using gossip::Result;

constexpr std::uint8_t kCodec = 1;
using Mac = std::array<std::uint8_t, 32>;

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

Mac mac_of(const TokenKey& key, Bytes bytes) {
    Mac mac{};
    unsigned size = 0;
    CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(),
               mac.data(), &size) != nullptr);
    CHECK(size == mac.size());
    return mac;
}

std::string to_base64url(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t word = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        word = (word << 8) | static_cast<std::uint8_t>(c);
        for (bits += 8; bits >= 6;) {
            bits -= 6;
            out += kDigits[(word >> bits) & 63U];
        }
    }
    if (bits > 0) out += kDigits[(word << (6 - bits)) & 63U];
    return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
    static const auto kValues = [] {
        std::array<std::uint8_t, 256> values{};
        values.fill(255);
        for (std::size_t i = 0; i < kDigits.size(); ++i) {
            values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::uint8_t>(i);
        }
        return values;
    }();
    std::string out;
    std::uint32_t word = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::uint8_t value = kValues[static_cast<std::uint8_t>(c)];
        if (value == 255) return std::nullopt;
        word = (word << 6) | value;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out += static_cast<char>((word >> bits) & 255U);
    }
    // One text per token: nothing may hide in the bits that are left over.
    if (bits >= 6 || (word & ((1U << bits) - 1)) != 0) return std::nullopt;
    return out;
}

std::string body_of(const Token& token) {
    std::string body;
    gossip::Writer w{body};
    w.u8(kCodec);
    w.u8(static_cast<std::uint8_t>(token.kind));
    w.text(token.app);
    w.text(token.version);
    w.text(token.address);
    w.varint(token.incarnation);
    w.varint(token.issued_ms);
    w.varint(token.expires_s);
    w.varint(token.nonce);
    w.text(token.session);
    w.varint(token.lessee);
    return body;
}

// Total: of any bytes.
std::optional<Token> token_in(Bytes body) {
    gossip::Reader r{body};
    if (r.u8() != kCodec) return std::nullopt;
    Token token;
    const std::uint8_t kind = r.u8();
    if (kind != 1 && kind != 2) return std::nullopt;
    token.kind = static_cast<Token::Kind>(kind);
    token.app = r.text();
    token.version = r.text();
    token.address = r.text();
    token.incarnation = r.varint();
    token.issued_ms = r.varint();
    token.expires_s = r.varint();
    token.nonce = r.varint();
    token.session = r.text();
    token.lessee = r.varint();
    if (!r.ok() || r.left() != 0) return std::nullopt;
    return token;
}

std::optional<TokenKey> key_in(std::string_view hex) {
    TokenKey key{};
    if (hex.size() != 2 * key.size()) return std::nullopt;
    for (std::size_t word = 0; word < key.size() / 8; ++word) {
        const auto value = parse_hex(hex.substr(word * 16, 16));
        if (!value) return std::nullopt;
        for (std::size_t i = 0; i < 8; ++i) {
            key[word * 8 + i] = static_cast<std::uint8_t>(*value >> (56 - 8 * i));
        }
    }
    return key;
}

std::string_view trimmed(std::string_view line) {
    line = line.substr(0, line.find('#'));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

TokenKeys::TokenKeys(std::vector<TokenKey> keys) : TokenKeys(std::move(keys), {}) {}

TokenKeys::TokenKeys(std::vector<TokenKey> keys,
                     std::map<std::string, std::vector<TokenKey>> of_apps)
    : keys_(std::move(keys)), of_apps_(of_apps.begin(), of_apps.end()) {
    CHECK(!keys_.empty());
}

const std::vector<TokenKey>& TokenKeys::keys_of(std::string_view app) const {
    const auto own = of_apps_.find(app);
    return own == of_apps_.end() ? keys_ : own->second;
}

TokenKeys TokenKeys::from_name(std::string_view cluster) {
    return TokenKeys{{mac_of(TokenKey{}, gossip::as_bytes(cluster))}};
}

Result<TokenKeys> TokenKeys::parse(std::string_view text) {
    std::vector<TokenKey> keys;
    std::map<std::string, std::vector<TokenKey>> of_apps;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty()) continue;
        const std::size_t gap = line.find_last_of(" \t");  // npos + 1 is 0
        const auto key = key_in(line.substr(gap + 1));
        if (!key) {  // without the line: it may be nearly a key
            return Error{Errc::invalid, "line " + std::to_string(number) +
                                            " is no key: one has 64 hex digits, as `openssl rand "
                                            "-hex 32` prints them, alone or behind the name of "
                                            "an app"};
        }
        const std::string_view app = gap == std::string_view::npos ? "" : line.substr(0, gap);
        (app.empty() ? keys : of_apps[std::string{trimmed(app)}]).push_back(*key);
    }
    if (keys.empty()) {
        return Error{Errc::invalid,
                     "there is no key for all apps in it: give one per line, without a name"};
    }
    return TokenKeys{std::move(keys), std::move(of_apps)};
}

std::string TokenKeys::sign(const Token& token) const {
    std::string bytes = body_of(token);
    const Mac mac = mac_of(keys_of(token.app).front(), gossip::as_bytes(bytes));
    bytes.append(mac.begin(), mac.end());
    return to_base64url(bytes);
}

Result<Token> TokenKeys::verify(std::string_view text, std::uint64_t now_s) const {
    const Error foreign{Errc::invalid, "the token was not made by this cluster, or was changed"};
    if (text.size() > kMaxTokenText) return foreign;
    const std::optional<std::string> bytes = from_base64url(text);
    if (!bytes || bytes->size() <= std::tuple_size_v<Mac>) return foreign;
    const Bytes whole = gossip::as_bytes(*bytes);
    const Bytes body = whole.first(whole.size() - std::tuple_size_v<Mac>);
    const Bytes said = whole.last(std::tuple_size_v<Mac>);
    // Whose keys count is said by the token itself; nothing else is believed before they do.
    std::optional<Token> token = token_in(body);
    if (!token) return foreign;
    const std::vector<TokenKey>& keys = keys_of(token->app);
    const bool ours = std::any_of(keys.begin(), keys.end(), [&](const TokenKey& key) {
        const Mac mac = mac_of(key, body);
        return CRYPTO_memcmp(mac.data(), said.data(), mac.size()) == 0;
    });
    if (!ours) return foreign;
    if (token->expires_s <= now_s) {
        return Error{Errc::unavailable,
                     "the token expired " + std::to_string(now_s - token->expires_s) + " s ago"};
    }
    return *std::move(token);
}

}  // namespace registry
