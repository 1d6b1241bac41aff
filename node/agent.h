#pragma once

namespace node {

// `hearsay agent ...`: runs a node until it is told to stop. `argv` holds the words after `agent`.
// Returns the exit code.
[[nodiscard]] int run_agent(int argc, const char* const* argv);

}  // namespace node
