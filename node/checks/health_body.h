#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace node {

// What an application says of itself when it is asked for its health.
struct HealthBody {
    std::optional<std::uint32_t> available_capacity;  // free seats
    std::optional<bool> ready_to_close;
    bool odd = false;  // a JSON object whose members of these names have other types
    bool operator==(const HealthBody&) const = default;
};

// Total: what is no JSON object says nothing, and an odd member only leaves itself out.
[[nodiscard]] HealthBody parse_health(std::string_view body);

}  // namespace node
