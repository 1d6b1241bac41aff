#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace node::cli {

// What the demo shows at one moment.
struct Picture {
    struct Node {
        std::string state;
        std::string http;
    };
    struct Instance {
        std::string app;
        std::string version;
        std::string state;
        std::string node;  // name of the node that watches it
    };
    struct Version {
        std::string version;
        std::string role;
        std::int64_t sessions = 0;
        std::int64_t seats = 0;
    };
    std::map<std::string, Node> nodes;          // by name
    std::map<std::string, Instance> instances;  // by address
    std::vector<Version> versions;              // the newest first
    std::string agreement;                      // one sentence
    std::string players;                        // another one
};

// Shows a changing picture on stdout: on a terminal the tables, redrawn in place under what was
// said; elsewhere one line per change, and what changes all the time once a second, so that a log
// of it can be read.
class Screen {
  public:
    Screen();
    // A line that stays.
    void say(const std::string& line);
    void show(const Picture& picture);
    // The seconds since this object was made, as they stand before every line.
    [[nodiscard]] std::string stamp() const;

  private:
    void draw(const Picture& picture);
    void print_changes(const Picture& before, const Picture& after);
    void print_progress(const Picture& picture);
    void print(const std::string& line);
    void erase();

    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    bool terminal_;
    bool colour_;
    Picture last_;
    std::string last_progress_;
    std::chrono::steady_clock::time_point next_progress_ = begin_;
    std::size_t drawn_lines_ = 0;  // of the tables, above the cursor
};

}  // namespace node::cli
