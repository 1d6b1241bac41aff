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
    // Sessions get shorter with the limit; nodes take their time to start, and to be missed.
    static constexpr std::chrono::seconds kMinLimit{15};
};

// Starts a cluster of real processes on loopback, and beside it a game server (examples/arena) with
// players. Promotes a second version of it, and shows that new players come to that one while those
// of the first stay until they leave; kills a node with SIGKILL meanwhile, shows that the others
// notice, restarts it and shows that all agree again; waits until the first version has ended by
// itself. Needs `arena` and `arena-bots` beside this program. Returns kOk if everything was seen,
// or if somebody pressed Ctrl-C once it had been; else kFailed. Leaves no process and no file
// behind.
[[nodiscard]] int run_demo(const DemoOptions& options);

}  // namespace node::cli
