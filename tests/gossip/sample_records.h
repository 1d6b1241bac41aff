#pragma once

#include <string>
#include <string_view>

#include "gossip/random.h"
#include "gossip/record.h"

namespace gossip {

constexpr HashKey kTestKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

inline Wall::time_point wall_ms(std::int64_t ms) {
    return Wall::time_point{std::chrono::milliseconds{ms}};
}

// An instance record that differs where the arguments differ.
inline Record sample_record(std::string_view key, Stamp stamp, std::string_view value = "v",
                            RecordKind kind = RecordKind::instance) {
    RecordFields fields;
    fields.kind = kind;
    fields.stamp = stamp;
    fields.owner = {7};
    fields.last_update = 1'700'000'000;
    fields.ttl_s = 30;
    fields.key = key;
    fields.value = value;
    return Record::make(fields, kTestKey);
}

inline std::string random_text(Rng& rng, std::size_t longest) {
    std::string text(rng.below(longest + 1), '\0');
    for (char& c : text) c = static_cast<char>(rng.below(256));
    return text;
}

}  // namespace gossip
