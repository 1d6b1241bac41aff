#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/result.h"
#include "gossip/stamp.h"

namespace node {

// %41 -> A. nullopt for a '%' without two hex digits behind it. `plus` is what a '+' means.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, char plus = '+');

// What `path` has, percent-encoded, between these two parts of it; invalid if that is nothing.
[[nodiscard]] gossip::Result<std::string> name_in(std::string_view path, std::string_view before,
                                                  std::string_view behind);
// The same, if it is the address of an instance.
[[nodiscard]] gossip::Result<std::string> address_in(std::string_view path, std::string_view before,
                                                     std::string_view behind);

// The names and values of `a=1&b=two+words`, decoded, in order. An Error for a bad escape, a name
// without '=', a name given twice, and a name that is not in `known`: it may be a misspelt filter,
// and a list that ignores one looks complete.
[[nodiscard]] gossip::Result<std::vector<std::pair<std::string, std::string>>> parse_query(
    std::string_view query, const std::vector<std::string_view>& known);

// The version that If-Match names, with or without its quotes; nullopt: the header is absent.
[[nodiscard]] gossip::Result<std::optional<gossip::Stamp>> parse_if_match(std::string_view header);

// `value` of a parameter that is on (1, true) or off (0, false); an Error for anything else.
[[nodiscard]] gossip::Result<bool> parse_flag(std::string_view name, std::string_view value);

}  // namespace node
