#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace arena {

// `UNIX_MS session=NAME event=EVENT key=value...`, one event per line. For one thread. Lines wait
// in memory until flush(), which writes whole ones: a reader that follows the file sees no halves.
class Log {
  public:
    // "" writes nothing, "-" to stdout. Throws if the file cannot be opened.
    explicit Log(const std::string& path) {
        if (path.empty()) return;
        file_ = path == "-" ? stdout : std::fopen(path.c_str(), "ae");
        if (!file_) throw std::runtime_error("cannot write the log " + path);
        std::setvbuf(file_, nullptr, _IONBF, 0);  // what we hand over is written at once
    }
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    ~Log() {
        flush();
        if (file_ && file_ != stdout) std::fclose(file_);
    }

    // `rest` begins with `event=`.
    void write(std::string_view rest) {
        if (!file_) return;
        using namespace std::chrono;
        const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
        waiting_ += std::to_string(now.count());
        waiting_ += ' ';
        waiting_ += rest;
        waiting_ += '\n';
        if (waiting_.size() >= kMostWaiting) flush();
    }
    void flush() {
        if (!file_ || waiting_.empty()) return;
        std::fwrite(waiting_.data(), 1, waiting_.size(), file_);
        std::fflush(file_);
        waiting_.clear();
    }

  private:
    static constexpr std::size_t kMostWaiting = 64 * 1024;
    std::FILE* file_ = nullptr;
    std::string waiting_;
};

// How often whoever has a Log flushes it.
constexpr std::chrono::milliseconds kFlushPeriod{100};

}  // namespace arena
