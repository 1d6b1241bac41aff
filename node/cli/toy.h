#pragma once

#include <chrono>
#include <string>

namespace node::cli {

// A small application that does what a server has to do to be in the registry.
struct ToyOptions {
    std::string node;  // URL of its node, as normalised() gives it
    std::string app = "toy";
    std::string version;  // "": it does not say
    std::string address;  // where its clients reach it; "": the IP that its node sees, and the
                          // port of `listen`
    std::string listen;   // HOST:PORT of its GET /health/; "": it serves nothing
    std::chrono::milliseconds every{10'000};  // between heartbeats; a third of the default lease
    bool check = false;  // registers once, and lets its node ask its GET /health/
};

// Registers, heartbeats by registering again unless it is checked, and deregisters on SIGTERM,
// SIGINT or SIGHUP. A node that does not answer is retried for ever, at least once a second. Says
// on stderr what changes. Blocks these signals for the whole process.
[[nodiscard]] int run_toy(const ToyOptions& options);

}  // namespace node::cli
