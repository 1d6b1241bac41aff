#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sim {

// hearsay beside other designs, in the same simulated world.

struct Comparison {
    std::uint32_t nodes = 100;
    std::uint32_t rows = 1000;  // of the table, where the idle cost is measured
    std::uint64_t seed = 1;
    std::uint32_t loss_ppm =
        0;                      // besides, false deaths are counted at 20 %, or at 0 if this is not
    std::uint32_t minutes = 5;  // for which false deaths are counted
};

struct ComparedMeasure {
    std::string name;
    std::string unit;
    std::array<std::optional<double>, 3> values;  // hearsay, swim, naive; none: too much work
};

[[nodiscard]] std::vector<ComparedMeasure> compare(const Comparison& what);
// A row per measure and a column per protocol, with the ratio to hearsay.
[[nodiscard]] std::string compared_as_text(const Comparison& what,
                                           const std::vector<ComparedMeasure>& measures);
[[nodiscard]] std::string compared_as_json(const Comparison& what,
                                           const std::vector<ComparedMeasure>& measures);

// The command line is `compare ...`, or has --protocol: compare_command() is to handle it.
[[nodiscard]] bool is_comparison(std::span<char*> arguments);
// Returns the exit status.
int compare_command(std::span<char*> arguments);

}  // namespace sim
