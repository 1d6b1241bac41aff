#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gossip/check.h"
#include "registry/json.h"

// What anybody may POST: parsers never crash, never throw, and what they accept keeps the rules.

namespace {

using namespace registry;

void keeps_the_rules(const Instance& x) {
    CHECK(validated(x).has_value());
    const gossip::LocalWrite write = encode(x);
    gossip::RecordFields fields;
    fields.last_update = write.last_update;
    fields.ttl_s = write.ttl_s;
    fields.key = write.key;
    fields.value = write.value;
    const Result<Instance> back = decode(fields);
    CHECK(back.has_value() && *back == x);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body{reinterpret_cast<const char*>(data), size};
    for (const Dialect dialect : {Dialect::v1, Dialect::legacy}) {
        const Result<Instance> x = parse_instance(body, {.dialect = dialect});
        if (x) keeps_the_rules(*x);
        if (!x) CHECK(valid_utf8(x.error().message));
    }
    const Result<std::vector<Instance>> rows = parse_register_all(body);
    if (rows) {
        for (const Instance& x : *rows) keeps_the_rules(x);
    }
    // As a record's value, too: peers may send anything.
    gossip::RecordFields fields;
    fields.key = "10.0.0.1:7777";
    fields.value = body;
    const Result<Instance> decoded = decode(fields);
    CHECK(!decoded || !check_metadata(decoded->metadata));
    return 0;
}
