#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "gossip/result.h"

namespace registry {

// A duration as people write it: a whole number and ms, s, m or h ("250ms", "1s", "30m").
// Errors name the text and the legal form.
[[nodiscard]] gossip::Result<std::chrono::milliseconds> parse_duration(std::string_view text);
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);  // shortest form

}  // namespace registry
