#pragma once

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <string>

// What both programs need of their command lines and their system.
namespace arena {

// "5s", "10m" -> milliseconds.
inline CLI::AsNumberWithUnit duration() {
    const std::map<std::string, std::int64_t> units{
        {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    return CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION");
}

// A connection is a descriptor: as many as this process may have at all.
inline void allow_many_connections() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace arena
