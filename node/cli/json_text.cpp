#include "node/cli/json_text.h"

#include <nlohmann/json.hpp>

namespace node::cli {

using nlohmann::json;

json parse_json(const std::string& body) {
    json parsed = json::parse(body, nullptr, false);
    return parsed.is_discarded() ? json() : parsed;
}

std::string text_of(const json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return "";
    return found->is_string() ? found->get<std::string>() : found->dump();
}

const json& rows_of(const json& object, const char* key) {
    static const json none = json::array();
    if (!object.is_object()) return none;
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

std::int64_t number_of(const json& object, const char* key) {
    if (!object.is_object()) return 0;
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

}  // namespace node::cli
