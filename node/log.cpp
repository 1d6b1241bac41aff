#include "node/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace node {
namespace {

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance;
    return instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::off:
            return spdlog::level::off;
    }
    return spdlog::level::off;
}

bool needs_quotes(std::string_view value) {
    if (value.empty()) return true;
    return value.find_first_of(" \"=\\\n\r\t") != std::string_view::npos;
}

void append_value(std::string& line, std::string_view value) {
    if (!needs_quotes(value)) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value) {
        if (c == '\n') {
            line += "\\n";  // one event is one line, whatever a peer sent us
        } else if (c == '\r') {
            line += "\\r";
        } else {
            if (c == '"' || c == '\\') line += '\\';
            line += c;
        }
    }
    line += '"';
}

}  // namespace

void open_log(LogLevel level) {
    auto opened = std::make_shared<spdlog::logger>(
        "hearsay", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    opened->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    opened->set_level(spdlog_level(level));
    logger() = std::move(opened);
}

std::string log_line(std::string_view event, std::initializer_list<LogField> fields) {
    std::string line{event};
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    return line;
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    spdlog::logger* const out = logger().get();
    if (out == nullptr || !out->should_log(spdlog_level(level))) return;
    out->log(spdlog_level(level), "{}", log_line(event, fields));
}

}  // namespace node
