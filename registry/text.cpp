#include "registry/text.h"

#include <string>

#include "gossip/bytes.h"
#include "registry/json.h"

namespace registry {

using gossip::Errc;
using gossip::Error;

std::optional<Error> check_text(const TextRule& rule, std::string_view text) {
    const auto broken = [&](const std::string& why) {
        return Error{Errc::invalid, std::string(rule.name) + " " + in_quotes(text) + " " + why};
    };
    if (text.size() < rule.min) return broken("is empty: give at least one character");
    if (text.size() > rule.max) {
        return broken("has " + std::to_string(text.size()) + " B, above the limit of " +
                      std::to_string(rule.max) + " B");
    }
    if (!valid_utf8(text)) return broken("is not UTF-8");
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        // C0 and DEL; C1 (U+0080..U+009F) is C2 80..9F.
        const bool c1 = c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (c < 0x20 || c == 0x7f || c1) return broken("contains a control character");
    }
    return std::nullopt;
}

}  // namespace registry
