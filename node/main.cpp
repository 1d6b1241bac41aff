#include <cstdio>
#include <exception>
#include <string_view>

#include "node/agent.h"
#include "node/cli/cli.h"
#include "node/exit_codes.h"

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::string_view{argv[1]} == "agent") {
            return node::run_agent(argc - 2, argv + 2);
        }
        return node::run_cli(argc, argv);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "hearsay: %s\n", problem.what());
        return node::kFailed;
    }
}
