#include "sim/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sim {
namespace {

template <class... Values>
std::string print(const char* format, Values... values) {
    std::array<char, 96> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, values...);
    return buffer.data();
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += print("\\u%04x", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace

std::string replay_command(const Options& o) {
    std::string command =
        print("hearsay-sim --seed %llu --scenario ", static_cast<unsigned long long>(o.seed));
    command += o.scenario;
    if (o.nodes) command += " --nodes " + std::to_string(*o.nodes);
    if (o.loss_ppm) command += print(" --loss %.6g", static_cast<double>(*o.loss_ppm) / 1e6);
    if (o.delay_us) command += print(" --delay %.6g", static_cast<double>(*o.delay_us) / 1e3);
    if (o.interval_ms) command += " --interval " + std::to_string(*o.interval_ms);
    if (o.fanout) command += " --fanout " + std::to_string(*o.fanout);
    if (o.rows) command += " --rows " + std::to_string(*o.rows);
    if (o.minutes) command += " --minutes " + std::to_string(*o.minutes);
    if (o.step_ms) command += " --step " + std::to_string(*o.step_ms);
    return command;
}

void Report::add(std::string name, std::uint64_t value) {
    fields_.push_back({std::move(name), std::to_string(value), static_cast<double>(value), false});
}

void Report::add(std::string name, double value) {
    fields_.push_back({std::move(name), print("%.3f", value), value, false});
}

void Report::add(std::string name, Time value) {
    add(std::move(name), static_cast<double>(value.count()) / 1e3);
}

void Report::add(std::string name, std::string_view text) {
    fields_.push_back({std::move(name), std::string{text}, 0, true});
}

void Report::expect(bool condition, std::string_view what) {
    if (!condition) failures_.emplace_back(what);
}

void Report::finish(const World& world) {
    trace_ = world.trace();
    for (const Violation& violation : world.checkers().violations()) {
        failures_.push_back(describe(violation));
    }
}

double Report::value(std::string_view name) const {
    const auto found = std::ranges::find(fields_, name, &Field::name);
    CHECK(found != fields_.end());
    return found->value;
}

bool Report::has(std::string_view name) const {
    return std::ranges::find(fields_, name, &Field::name) != fields_.end();
}

std::string Report::text() const {
    std::size_t width = 8;
    for (const Field& field : fields_) width = std::max(width, field.name.size());
    std::string out;
    const auto line = [&](std::string name, std::string_view value) {
        name.resize(width + 2, ' ');
        out += name;
        out += value;
        out += '\n';
    };
    line("scenario", options_.scenario);
    line("seed", std::to_string(options_.seed));
    for (const Field& field : fields_) line(field.name, field.text);
    line("trace", print("%016llx", static_cast<unsigned long long>(trace_)));
    return out;
}

std::string Report::json() const {
    std::string out = "{\"scenario\": " + quoted(options_.scenario) +
                      ", \"seed\": " + std::to_string(options_.seed);
    for (const Field& field : fields_) {
        out += ", " + quoted(field.name) + ": ";
        out += field.quoted ? quoted(field.text) : field.text;
    }
    out += print(", \"trace\": \"%016llx\"", static_cast<unsigned long long>(trace_));
    out += ", \"failures\": [";
    for (std::size_t i = 0; i < failures_.size(); ++i) {
        out += (i > 0 ? ", " : "") + quoted(failures_[i]);
    }
    return out + "]}\n";
}

std::string Report::svg() const {
    std::string subtitle = print("%.0f nodes", value("nodes"));
    const double hop_us =
        options_.delay_us.value_or(static_cast<std::uint32_t>(Faults{}.hop.count()));
    subtitle += print(", hops of %.6g ms", hop_us / 1e3);
    subtitle += print(", %.4g %% of datagrams lost", options_.loss_ppm.value_or(0) / 1e4);
    subtitle += print(", seed %llu", static_cast<unsigned long long>(options_.seed));
    return sim::svg(picture_, subtitle);
}

std::string Report::complaint() const {
    std::string out;
    for (const std::string& failure : failures_) out += failure + '\n';
    if (!out.empty()) out += "replay with: " + replay_command(options_) + '\n';
    return out;
}

}  // namespace sim
