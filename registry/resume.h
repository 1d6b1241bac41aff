#pragma once

#include <cstdint>
#include <string_view>

#include "gossip/record.h"
#include "registry/row.h"
#include "registry/token.h"

namespace registry {

// Whether the session of a resume token still exists, as far as a node knows.
enum class Session : std::uint8_t {
    go,       // its instance lives: back to it, whatever its role
    gone,     // proved: a later life of the address, a fence, a stop or a later tombstone
    unknown,  // nothing is proved: absence from a table never is
};

// By the record of the token's address; nullptr: there is none. Requires a verified resume token.
[[nodiscard]] Session judge(const Token& token, const gossip::Record* record);
// By a row of a View, which knows no tombstones: go or unknown. nullptr: there is none.
[[nodiscard]] Session judge(const Token& token, const Row* row);

// The token with which the client of an accepted ticket, or of an earlier token, comes back.
// `session`: what its server calls it; "": as it was, or by the ticket's nonce.
[[nodiscard]] Token resume_token(const Token& accepted, std::string_view session,
                                 std::uint32_t ttl_s, std::uint64_t now_ms);

}  // namespace registry
