#pragma once

#include "gossip/output.h"
#include "gossip/table.h"

namespace node {

// Writes what happened to the log; `table` gives the names of nodes.
void log_event(const gossip::Event& event, const gossip::Table& table);

}  // namespace node
