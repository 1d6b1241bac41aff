#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gossip/result.h"

namespace node::cli {

// What to start, and where it writes.
struct ChildOptions {
    std::vector<std::string> argv;  // argv[0] is the path of the program; PATH is not searched
    std::filesystem::path out;      // stdout is appended to this file; empty: /dev/null
    std::filesystem::path err;      // likewise stderr
    // Beside what this process has, without its HEARSAY_ variables: they configure this process.
    std::map<std::string, std::string> environment;
};

// A child process that cannot outlive its handle, nor this process: it gets SIGKILL when the
// thread that started it ends, even by a crash. It has a process group of its own, so that Ctrl-C
// reaches only the parent, which then ends its children in order; and no blocked signals.
class Child {
  public:
    // Fails if the system refuses a process or a file. A program that cannot be executed ends at
    // once with code 127.
    static gossip::Result<Child> spawn(const ChildOptions& options);

    Child() = default;
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();  // kills and reaps

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool running() { return pid_ > 0 && !poll(); }
    // Once it has ended: its exit code, or 128 + the signal that ended it, as a shell says it.
    // Does not block.
    std::optional<int> poll();
    // As poll(), but waits for the end, at most so long.
    std::optional<int> wait(std::chrono::milliseconds limit);
    // Nothing happens to a process that has been reaped.
    void signal(int number);
    // SIGKILL, and waits for the end. Nothing if there is no process.
    void kill();

  private:
    explicit Child(pid_t pid) : pid_(pid) {}
    pid_t pid_ = 0;  // 0: none
    std::optional<int> exit_code_;
};

// The path of this very program, which a child can be started from.
[[nodiscard]] std::filesystem::path own_binary();

}  // namespace node::cli
