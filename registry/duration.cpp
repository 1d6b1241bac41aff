#include "registry/duration.h"

#include <charconv>

namespace registry {
namespace {

struct Unit {
    std::string_view suffix;
    std::int64_t ms;
};
constexpr Unit kUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

}  // namespace

gossip::Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::uint32_t count = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (problem == std::errc{}) {
        const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
        for (const Unit& unit : kUnits) {
            if (suffix == unit.suffix) return std::chrono::milliseconds{count * unit.ms};
        }
    }
    return gossip::Error{
        gossip::Errc::malformed,
        "'" + std::string{text} + "' is not a duration such as 250ms, 1s, 30m or 2h"};
}

std::string duration_text(std::chrono::milliseconds duration) {
    for (const Unit& unit : kUnits) {
        if (duration.count() != 0 && duration.count() % unit.ms == 0) {
            return std::to_string(duration.count() / unit.ms) + std::string{unit.suffix};
        }
    }
    return "0s";
}

}  // namespace registry
