#include "node/checks/health_body.h"

#include <nlohmann/json.hpp>

namespace node {

HealthBody parse_health(std::string_view body) {
    HealthBody health;
    const auto json = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    if (!json.is_object()) return health;
    if (const auto seats = json.find("available_capacity"); seats != json.end()) {
        if (seats->is_number_unsigned() && seats->get<std::uint64_t>() <= UINT32_MAX) {
            health.available_capacity = seats->get<std::uint32_t>();
        } else {
            health.odd = true;
        }
    }
    if (const auto ready = json.find("ready_to_close"); ready != json.end()) {
        if (ready->is_boolean()) {
            health.ready_to_close = ready->get<bool>();
        } else {
            health.odd = true;
        }
    }
    return health;
}

}  // namespace node
