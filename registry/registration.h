#pragma once

#include <string>

#include "gossip/core.h"

namespace registry {

// How registrations reach the core. Pure; on whatever thread owns the core.

// Core::put of a registration: what the life of the row has settled so far stays, content that
// routing does not depend on may wait for its turn, and the version's birth is kept alive.
// Requires the encoding of a valid instance. O(row).
gossip::PutResult put_registration(gossip::Core& core, gossip::LocalWrite& write, gossip::Now now,
                                   gossip::Output& out);

// Ends a version that nobody needs: if it is born again, it is a new one.
void forget_version(gossip::Core& core, const std::string& app, const std::string& version,
                    gossip::Now now, gossip::Output& out);

// Was it taken, or is there nothing to say but a refusal?
[[nodiscard]] bool accepted(gossip::PutStatus status);

}  // namespace registry
