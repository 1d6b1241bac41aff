#pragma once

#include "gossip/core.h"

namespace node {

// Hears on the core thread what became of the rows, once per turn and before readers do. Must not
// block, and must be cheap: it sees every row that a join brings.
class RowListener {
  public:
    virtual ~RowListener() = default;
    // What this node knew when it started.
    virtual void restored(const gossip::Core& core) = 0;
    // What this turn changed; `core` holds the outcome.
    virtual void changed(const gossip::Output& out, const gossip::Core& core) = 0;
};

}  // namespace node
