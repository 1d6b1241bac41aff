#include "node/agent.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "node/config.h"
#include "node/log.h"
#include "node/node.h"

namespace node {
namespace {

constexpr const char* kExamples =
    "Runs one node of the registry: applications on this machine talk to it, and it gossips\n"
    "with the others.\n"
    "\n"
    "  hearsay agent                                    # the first node, on 127.0.0.1:7700\n"
    "  hearsay agent --http 127.0.0.1:7710 --gossip 127.0.0.1:7711 --data node2 \\\n"
    "                --seed 127.0.0.1:7701              # a second one on the same machine\n"
    "  hearsay agent --http 0.0.0.0:7700 --gossip 0.0.0.0:7701 --seed seed.internal:7701\n"
    "\n"
    "Settings (defaults in parentheses); each is also a variable, HEARSAY_LOG_LEVEL for\n"
    "--log-level, and a TOML key, log_level. A flag beats a variable, a variable the file.\n";

int complain(const Failure& failure) {
    std::fprintf(stderr, "hearsay agent: %s\n", failure.message.c_str());
    return failure.code;
}

}  // namespace

int run_agent(int argc, const char* const* argv) {
    const std::vector<std::string> args(argv, argv + argc);
    if (std::any_of(args.begin(), args.end(),
                    [](const auto& arg) { return arg == "--help" || arg == "-h"; })) {
        std::printf("%s\n%s", kExamples, settings_help().c_str());
        return kOk;
    }
    auto config = load_config(args, hearsay_environment());
    if (!config) return complain({kUsage, config.error().message});
    open_log(config->log_level);
    // A client that hangs up, or a reader of our log that ends, is no reason to die.
    std::signal(SIGPIPE, SIG_IGN);

    Node node{std::move(config).value()};
    if (const auto failure = node.start()) return complain(*failure);
    if (const auto failure = node.run()) return complain(*failure);
    return kOk;
}

}  // namespace node
