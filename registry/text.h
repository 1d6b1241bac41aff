#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "gossip/result.h"

namespace registry {

// Sizes in bytes of UTF-8.
struct TextRule {
    std::string_view name;  // of the field, for the message
    std::size_t min;
    std::size_t max;
};

// nullopt if `text` may be shown in lists and logs: UTF-8 of a legal size, whatever people write,
// but nothing that moves a cursor. Else an Error (invalid) that names the field, the value and the
// rule.
[[nodiscard]] std::optional<gossip::Error> check_text(const TextRule& rule, std::string_view text);

}  // namespace registry
