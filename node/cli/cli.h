#pragma once

namespace node {

// Runs every command of the program but `agent`: argv[0] is the program, argv[1] the command.
// Returns the exit code (node/exit_codes.h). Results go to stdout, everything else to stderr.
[[nodiscard]] int run_cli(int argc, const char* const* argv);

}  // namespace node
