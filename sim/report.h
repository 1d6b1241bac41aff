#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/svg.h"
#include "sim/world.h"

namespace sim {

// What a person may choose about a run. Every scenario has its own defaults for what is left out.
struct Options {
    std::string scenario;
    std::uint64_t seed = 1;
    std::optional<std::uint32_t> nodes;
    std::optional<std::uint32_t> loss_ppm;
    std::optional<std::uint32_t> delay_us;  // median of a hop
    std::optional<std::uint32_t> interval_ms;
    std::optional<std::uint32_t> fanout;
    std::optional<std::uint32_t> rows;
    std::optional<std::uint32_t> minutes;
    std::optional<std::uint32_t> step_ms;  // of wall clocks, either way, at most
};
// The command that repeats a run.
[[nodiscard]] std::string replay_command(const Options& options);

// What came out of a run: named figures in the order in which they were added, and what was
// violated.
class Report {
  public:
    explicit Report(Options options) : options_(std::move(options)) {}

    void add(std::string name, std::uint64_t value);
    void add(std::string name, double value);  // three decimals
    void add(std::string name, Time value);    // as milliseconds
    void add(std::string name, std::string_view text);
    // The scenario asked for something that did not happen.
    void expect(bool condition, std::string_view what);
    // What to draw; the scenario's has_picture says whether there is one.
    void draw(Picture picture) { picture_ = std::move(picture); }
    // Takes over the trace and the violations.
    void finish(const World& world);

    [[nodiscard]] bool ok() const { return failures_.empty(); }
    [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] std::uint64_t trace() const { return trace_; }
    // A figure by its name. Requires that it was added.
    [[nodiscard]] double value(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const;

    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::string json() const;
    // A document of its own; empty if there is no picture.
    [[nodiscard]] std::string svg() const;
    // Every failure with the command that repeats it; empty if there is none.
    [[nodiscard]] std::string complaint() const;

  private:
    struct Field {
        std::string name;
        std::string text;
        double value = 0;
        bool quoted = false;
    };
    Options options_;
    std::vector<Field> fields_;
    std::vector<std::string> failures_;
    Picture picture_;
    std::uint64_t trace_ = 0;
};

}  // namespace sim
