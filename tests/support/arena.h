#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/process.h"

// The programs of examples/arena, and what their bots have seen.
namespace test {

// Beside the program under test of this build.
inline Child spawn_example(const std::string& program, const std::vector<std::string>& arguments,
                           const std::filesystem::path& out) {
    const auto binary = std::filesystem::path(HEARSAY_BINARY).parent_path() / program;
    ChildOptions options{.argv = {binary}, .out = out, .err = out, .environment = {}};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    return Child::spawn(options).value();
}

// A line of their log.
struct BotEvent {
    std::uint64_t ms = 0;
    std::string session;
    std::string event;
    std::map<std::string, std::string> keys;
    [[nodiscard]] std::string at(const std::string& key) const {
        const auto found = keys.find(key);
        return found == keys.end() ? "" : found->second;
    }
};

inline std::vector<BotEvent> bot_events(const std::filesystem::path& log) {
    std::vector<BotEvent> events;
    std::istringstream lines(content_of(log));
    for (std::string line; std::getline(lines, line);) {
        BotEvent event;
        std::istringstream words(line);
        words >> event.ms;
        for (std::string word; words >> word;) {
            const auto equals = std::min(word.find('='), word.size() - 1);
            event.keys[word.substr(0, equals)] = word.substr(equals + 1);
        }
        event.session = event.at("session");
        event.event = event.at("event");
        events.push_back(std::move(event));
    }
    return events;
}

inline int count(const std::vector<BotEvent>& events, const std::string& event) {
    int sum = 0;
    for (const BotEvent& each : events) sum += each.event == event ? 1 : 0;
    return sum;
}

}  // namespace test
