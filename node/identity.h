#pragma once

#include <string>
#include <string_view>

#include "gossip/ids.h"
#include "node/sqlite_store.h"

namespace node {

// What stays the same when this machine boots again and differs on its copies: /etc/machine-id,
// else D-Bus's, else the host name (a container has nothing better).
[[nodiscard]] std::string machine_id();

struct Named {
    gossip::NodeId id;
    bool minted = false;  // drawn now
    std::string why;      // if minted
};

// The node id of this data directory: drawn once, kept with the machine id and the advertised
// address. When either differs the directory is a copy, whose original may still run: the copy
// gets an id of its own, or two nodes would overwrite each other's records for ever.
[[nodiscard]] Named settle_identity(SqliteStore& store, std::string_view machine,
                                    std::string_view advertised);

}  // namespace node
