#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/report.h"
#include "sim/soak.h"

namespace sim {

// What a person typed. `complaint` names what is wrong with it and what would be right; nothing
// else counts unless it is empty.
struct CommandLine {
    enum class Verb : std::uint8_t { run, soak, help };
    enum class Format : std::uint8_t { text, json, svg };
    Verb verb = Verb::run;
    Format format = Format::text;
    Options options;   // of a run
    SoakOptions soak;  // of a soak
    std::string complaint;
};

// The words after the program's name:
//   run [SCENARIO] [--OPTION VALUE | --OPTION=VALUE]...
//   soak [--OPTION VALUE | --OPTION=VALUE]...
// or the options of a run alone. The scenario may also be named by --scenario; without one it is
// `spread`.
[[nodiscard]] CommandLine parse_command_line(std::span<const std::string_view> words);
// Examples first, then every option and scenario.
[[nodiscard]] std::string help();

}  // namespace sim
