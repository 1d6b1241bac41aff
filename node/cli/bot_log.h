#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace node::cli {

// What the players of examples/arena have seen so far, by their own log, which grows meanwhile.
struct BotCounts {
    int joined = 0;       // sessions that ever began
    int playing = 0;      // of these, not over yet
    int disconnects = 0;  // nobody wanted: broken connections, sessions gone, players sent away
    std::map<std::string, int> joined_by_version;
};

class BotLog {
  public:
    explicit BotLog(std::filesystem::path path) : path_(std::move(path)) {}
    // Reads on from where it stopped. A line without its end waits for the next time.
    const BotCounts& read();
    // One line without its end. Anything that is no such line counts nothing.
    void take(std::string_view line);
    [[nodiscard]] const BotCounts& counts() const { return counts_; }

  private:
    std::filesystem::path path_;
    std::ifstream file_;
    std::string rest_;
    BotCounts counts_;
};

}  // namespace node::cli
