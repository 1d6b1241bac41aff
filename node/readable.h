#pragma once

#include <string>

#include "gossip/record.h"

namespace node {

// What a person wants to see of a record beside its opaque bytes: the columns of the database.
struct Readable {
    std::string name;     // of the application, or of the node
    std::string version;  // of the application
    std::string zone;
    std::string state;   // as the record says; who watches it may know better
    std::string gossip;  // of a node: where it gossips
    std::string http;    // of a node: its API
};

// Empty fields for what this release cannot read: a record of a later one is stored all the same.
[[nodiscard]] Readable describe(const gossip::RecordFields& fields);

}  // namespace node
