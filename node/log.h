#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace node {

enum class LogLevel { debug, info, warn, error, off };

// One `key=value` of a log line. Values with blanks or quotes are quoted.
struct LogField {
    std::string_view key;
    std::string value;

    LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
    LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
    LogField(std::string_view k, const char* v) : key(k), value(v) {}
    template <std::integral Number>
    LogField(std::string_view k, Number v) : key(k), value(std::to_string(v)) {}
};

// Opens the log on stderr. Lines of log() before it go nowhere, so that a library user or a test
// is silent by default. Call once, before the first thread.
void open_log(LogLevel level);

// Writes `time level event key=value ...`. From any thread.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// The text of a line without time and level; what log() writes.
[[nodiscard]] std::string log_line(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace node
