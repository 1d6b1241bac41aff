#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/result.h"

namespace registry {

// 256 bits that only the nodes of a cluster know.
using TokenKey = std::array<std::uint8_t, 32>;

// What a signed token says. A ticket lets a new client into one instance once; a resume token lets
// a client back to the instance that has its session. Both are bound to one life of one instance,
// so whoever sits at the address later does not take them.
struct Token {
    enum class Kind : std::uint8_t { ticket = 1, resume = 2 };
    Kind kind = Kind::ticket;
    std::string app;
    std::string version;
    std::string address;
    std::uint64_t incarnation = 0;
    std::uint64_t issued_ms = 0;  // Unix ms, by the clock of the cluster
    std::uint64_t expires_s = 0;  // Unix seconds: invalid from then on
    std::uint64_t nonce = 0;      // tells tickets apart; the session of a resume token
    std::string session;          // as the server calls it; "" in a ticket
    std::uint64_t lessee = 0;     // of a ticket: the node that leased the seat; 0: nobody did
    bool operator==(const Token&) const = default;
};

constexpr std::size_t kMaxSession = 128;     // bytes
constexpr std::size_t kMaxTokenText = 1024;  // of anything that parse() looks at

// Keys in the order of their use: the first signs, all verify, so that a new key is first added
// everywhere, then moved to the front, and the old one removed when its tokens have expired.
class TokenKeys {
  public:
    explicit TokenKeys(std::vector<TokenKey> keys);
    // Of apps that have keys of their own: with those alone their tokens are signed and verified.
    TokenKeys(std::vector<TokenKey> keys, std::map<std::string, std::vector<TokenKey>> of_apps);
    // A key that everybody who knows the name of the cluster can compute. It keeps tokens of
    // different clusters apart, and no attacker out.
    [[nodiscard]] static TokenKeys from_name(std::string_view cluster);
    // A file's text: one key per line, 64 hex digits; empty lines and '#' to the end are ignored.
    // With the name of an app before it, a key is that app's. invalid if a line is none, or there
    // is none for all other apps.
    [[nodiscard]] static gossip::Result<TokenKeys> parse(std::string_view text);

    // base64url without padding: about 120 characters. HMAC-SHA256 over everything (RFC 2104).
    [[nodiscard]] std::string sign(const Token& token) const;
    // Total. invalid: not ours, or changed; unavailable: expired at `now_s`. The reason is for
    // people and says nothing that helps to forge one.
    [[nodiscard]] gossip::Result<Token> verify(std::string_view text, std::uint64_t now_s) const;

  private:
    // Those of an app, or those of all that have none.
    [[nodiscard]] const std::vector<TokenKey>& keys_of(std::string_view app) const;

    std::vector<TokenKey> keys_;
    std::map<std::string, std::vector<TokenKey>, std::less<>> of_apps_;
};

}  // namespace registry
