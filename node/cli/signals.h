#pragma once

#include <chrono>

namespace node::cli {

// Ctrl-C and its kin as something to wait for instead of handlers that interrupt: SIGINT, SIGTERM
// and SIGHUP stay pending until wait() takes them; SIGPIPE becomes a failed write. For the whole
// life of the process, and for threads that start later. Children of cli::Child have their own.
class StopSignals {
  public:
    StopSignals();
    // True once one of them has come. Otherwise false, when the time is over.
    [[nodiscard]] bool wait(std::chrono::milliseconds time);

  private:
    bool stopped_ = false;
};

}  // namespace node::cli
