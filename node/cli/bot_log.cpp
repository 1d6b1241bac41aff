#include "node/cli/bot_log.h"

#include <array>

namespace node::cli {
namespace {

// The value of `key=`, "" if the line has none. `key` includes the blank before it and the `=`.
std::string_view value_of(std::string_view line, std::string_view key) {
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) return "";
    const std::string_view rest = line.substr(at + key.size());
    return rest.substr(0, rest.find(' '));
}

}  // namespace

const BotCounts& BotLog::read() {
    if (!file_.is_open()) file_.open(path_, std::ios::binary);
    if (!file_.is_open()) return counts_;
    file_.clear();  // of the end that was reached last time
    std::array<char, 16'384> buffer{};
    do {
        file_.read(buffer.data(), buffer.size());
        rest_.append(buffer.data(), static_cast<std::size_t>(file_.gcount()));
    } while (file_);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos;) {
        take(std::string_view(rest_).substr(begin, end - begin));
        begin = end + 1;
    }
    rest_.erase(0, begin);
    return counts_;
}

void BotLog::take(std::string_view line) {
    const std::string_view event = value_of(line, " event=");
    if (event == "joined") {
        ++counts_.joined;
        ++counts_.playing;
        ++counts_.joined_by_version[std::string{value_of(line, " version=")}];
    } else if (event == "left") {
        --counts_.playing;
    } else if (event == "gone" || event == "dismissed") {
        --counts_.playing;
        ++counts_.disconnects;
    } else if (event == "lost" && value_of(line, " cause=") == "broken") {
        ++counts_.disconnects;
    }
}

}  // namespace node::cli
