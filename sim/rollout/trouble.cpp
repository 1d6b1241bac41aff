#include "sim/rollout/trouble.h"

#include <algorithm>

namespace sim {

using registry::RolloutCommand;
using Kind = RolloutCommand::Kind;

namespace {

constexpr std::uint64_t kStepMost = 500'000;  // us

}  // namespace

Trouble::Trouble(World& world, Stage& stage, TroubleOptions options)
    : world_(world),
      stage_(stage),
      options_(options),
      base_(world.links().faults),
      wrong_ms_(world.size()) {}

void Trouble::step() {
    const std::uint64_t what = below(100);
    if (what < 8 && options_.crashes) crash();
    if (what >= 8 && what < 22) restart();
    if (what >= 22 && what < 27 && options_.pauses) pause();
    if (what >= 27 && what < 34) resume();
    if (what >= 34 && what < 38 && options_.partitions) divide();
    if (what >= 38 && what < 43) heal();
    if (what >= 43 && what < 47 && options_.weather) weather();
    if (what >= 47 && what < 50 && options_.step_ms > 0) step_clock();
    if (what >= 50 && what < 53 && options_.kills) kill();
    if (what >= 53 && what < 58) revive();
    if (what >= 58 && what < 68 && options_.commands) decide();
    if (what >= 68 && what < 71 && options_.commands) deploy();
    if (what == 71) stage_.crowd().lose_all(Time{5'000'000});
    world_.run_for(Time{static_cast<std::int64_t>(below(kStepMost))});
}

void Trouble::crash() {
    SimNode& node = world_.node(any_node());
    if (!node.running()) return;
    ++crashes_;
    if (below(2) == 0) {
        node.crash_within_turn(static_cast<std::uint32_t>(below(5)));
    } else if (below(3) == 0) {
        node.lose_power();
    } else {
        node.crash();
    }
}

void Trouble::restart() {
    SimNode& node = world_.node(any_node());
    if (node.running()) return;
    if (options_.lose_disks && below(4) == 0) {
        node.lose_disk();
        ++lost_disks_;
    }
    node.start();
}

void Trouble::pause() {
    SimNode& node = world_.node(any_node());
    if (!node.running() || node.paused()) return;
    ++pauses_;
    node.pause();
    world_.events().after(Time{static_cast<std::int64_t>(below(10'000'000))},
                          [&node, process = node.process()] {
                              if (node.running() && node.process() == process) node.resume();
                          });
}

void Trouble::resume() {
    SimNode& node = world_.node(any_node());
    if (node.running()) node.resume();
}

void Trouble::divide() {
    std::vector<std::uint32_t> island;
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        if (below(2) == 0) island.push_back(i);
    }
    world_.partition(island);
    for (const std::uint32_t node : island) stage_.crowd().take_side(node, 1);
    ++partitions_;
}

void Trouble::heal() {
    world_.heal();
    for (std::uint32_t i = 0; i < world_.size(); ++i) stage_.crowd().take_side(i, 0);
}

void Trouble::weather() {
    Faults& faults = world_.links().faults;
    faults.loss_ppm = below(2) == 0 ? static_cast<std::uint32_t>(below(300'000)) : base_.loss_ppm;
    faults.hop = Time{100 + static_cast<std::int64_t>(below(below(2) == 0 ? 1'000 : 30'000))};
    stage_.calls().slow_ppm = below(2) == 0 ? 0 : static_cast<std::uint32_t>(below(200'000));
}

void Trouble::step_clock() {
    const std::uint32_t node = any_node();
    const auto most = static_cast<std::uint64_t>(2 * options_.step_ms + 1);
    const std::int64_t target =
        wrong_ms_[node] != 0 ? 0 : static_cast<std::int64_t>(below(most)) - options_.step_ms;
    world_.node(node).step_wall(target - wrong_ms_[node]);
    wrong_ms_[node] = target;
    ++steps_;
}

void Trouble::kill() {
    auto& servers = stage_.servers();
    if (below(8) != 0) return servers[below(servers.size())]->kill();
    const std::string version = some_version();  // all of it: a bad build
    for (const auto& server : servers) {
        if (server->setup().version == version) server->kill();
    }
}

// At the address of one that was killed, or has ended: the next life of a server.
void Trouble::revive() {
    auto& servers = stage_.servers();
    GameServer& server = *servers[below(servers.size())];
    if (!server.alive()) server.start();
}

void Trouble::deploy() {
    if (versions_ >= options_.most_versions) return;
    stage_.deploy("v" + std::to_string(++versions_), 1 + static_cast<std::uint32_t>(below(3)),
                  4 + static_cast<std::uint32_t>(below(20)));
}

std::string Trouble::some_version() {
    return "v" + std::to_string(1 + below(versions_));
}

// Half of the time what people mostly do; else anything, at times at two nodes at once.
void Trouble::decide() {
    const auto draw = [this] {
        RolloutCommand command = Stage::promotion(stage_.newest());
        if (below(2) == 0) return command;
        command.version = some_version();
        constexpr std::array kKinds{Kind::promote, Kind::split,      Kind::rollback, Kind::pause,
                                    Kind::resume,  Kind::quarantine, Kind::release};
        command.kind = kKinds[below(kKinds.size())];
        if (command.kind == Kind::rollback && below(2) == 0) command.version.clear();
        if (command.kind != Kind::split) return command;
        for (std::uint32_t v = 1; v <= versions_; ++v) {
            if (below(2) == 0) continue;
            command.weights.push_back(
                {"v" + std::to_string(v), 1 + static_cast<std::uint32_t>(below(100))});
        }
        return command;
    };
    (void)stage_.command_at(any_node(), draw());
    if (below(3) == 0) (void)stage_.command_at(any_node(), draw());
}

void Trouble::make_peace() {
    world_.links().faults = base_;
    stage_.calls().slow_ppm = 0;
    heal();
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        SimNode& node = world_.node(i);
        node.survive();
        node.step_wall(-wrong_ms_[i]);
        wrong_ms_[i] = 0;
        if (node.running()) node.resume();
    }
    world_.start_all();
}

void Trouble::report(Report& report) const {
    report.add("crashes", crashes_);
    report.add("lost_disks", lost_disks_);
    report.add("freezes", pauses_);
    report.add("partitions", partitions_);
    report.add("clock_steps", steps_);
}

}  // namespace sim
