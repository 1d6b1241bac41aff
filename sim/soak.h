#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sim/report.h"

namespace sim {

// Many worlds of one scenario, one per seed.
struct SoakOptions {
    std::uint64_t first = 1;
    std::uint64_t seeds = 1000;
    // Of every world; what is left out each world draws for itself. Without a scenario it is
    // `soak`; the seed is the soak's.
    Options world;
};

struct SoakResult {
    std::uint64_t seeds = 0;
    std::uint64_t failed = 0;
    // What happened in all worlds, as text, ending in a line "N seeds, M failed".
    std::string summary;
};

// Runs them all, also after failures. `say` is given, as soon as it is known, every failure with
// the command that repeats it, and how far it has come about twenty times.
SoakResult run_soak(const SoakOptions& options, const std::function<void(const std::string&)>& say);

}  // namespace sim
