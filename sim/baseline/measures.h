#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/baseline/cluster.h"

namespace sim::baseline {

// What came out of a run of a baseline. The names are those of the real core's scenario of the
// same name, so that they can be compared.
struct Figures {
    std::vector<std::pair<std::string, double>> values;
    std::uint64_t trace = 0;

    void add(std::string name, double value) { values.emplace_back(std::move(name), value); }
    void add(std::string name, Time value) {
        add(std::move(name), static_cast<double>(value.count()) / 1e3);
    }
    [[nodiscard]] std::optional<double> find(std::string_view name) const;
};

// As scenarios/spread.cpp: one update in a cluster that agrees.
[[nodiscard]] Figures measure_spread(const ClusterOptions& options);
// As scenarios/idle.cpp: nothing to do.
[[nodiscard]] Figures measure_idle(const ClusterOptions& options);
// As scenarios/detect.cpp: false deaths for `minutes`, then machines that go. `victims` of them
// are killed, and as many fall silent.
constexpr std::uint32_t kVictims = 5;
[[nodiscard]] Figures measure_detect(const ClusterOptions& options, std::uint32_t minutes,
                                     std::uint32_t victims = kVictims);

// Every push of a naive node is the whole table, which is N (N + R) work per period. So naive
// clusters have so many nodes at most, and one measure may send so many datagrams: false deaths
// are counted for a part of the time if that is enough, and scaled up.
constexpr std::uint32_t kNaiveNodes = 1000;
constexpr std::uint64_t kNaiveDatagrams = 6'000'000;
[[nodiscard]] bool affordable(const ClusterOptions& options);

}  // namespace sim::baseline
