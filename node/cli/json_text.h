#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace node::cli {

// Looking into what a node answered, total on whatever it was: an older or newer node may say more
// or less than we know, and that must not stop the rest from being shown.

// null unless `body` is JSON.
[[nodiscard]] nlohmann::json parse_json(const std::string& body);
// The text of a member, whatever its type; "" if there is none.
[[nodiscard]] std::string text_of(const nlohmann::json& object, const char* key);
// The integer of a member; 0 if there is none.
[[nodiscard]] std::int64_t number_of(const nlohmann::json& object, const char* key);
// A member that is an array; an empty one if there is none.
[[nodiscard]] const nlohmann::json& rows_of(const nlohmann::json& object, const char* key);

}  // namespace node::cli
