#pragma once

#include <chrono>
#include <optional>

namespace node::cli {

struct DemoOptions {
    unsigned nodes = 5;  // kMinNodes .. kMaxNodes
    // The story has to be told within this; without it the cluster then stays up until Ctrl-C.
    std::optional<std::chrono::milliseconds> limit;

    static constexpr unsigned kMinNodes = 3;  // fewer cannot show who notices whom
    static constexpr unsigned kMaxNodes = 20;
    // A dead node is known after about 4 s (a probe, then the time to refute).
    static constexpr std::chrono::seconds kMinLimit{10};
};

// Starts a cluster of real processes on loopback with one small application at each node, kills a
// node with SIGKILL, shows that the others notice, restarts it and shows that all agree again.
// Returns kOk if everything was seen, or if somebody pressed Ctrl-C once it had been; else
// kFailed. Leaves no process and no file behind.
[[nodiscard]] int run_demo(const DemoOptions& options);

}  // namespace node::cli
