#include "sim/rollout/stage.h"
#include "sim/rollout/trouble.h"
#include "sim/scenarios/scenario.h"

// Rollouts with the registry's own code, told step by step: servers that register, heartbeat, drain
// and fence themselves, clients that are placed, stay, lose their connection and come back. The
// witness of sim/rollout checks what both were promised (16 to 24).

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr std::uint32_t kSeats = 40;

constexpr Time seconds(std::int64_t s) {
    return Time{s * 1'000'000};
}

WorldOptions setup_of(const Options& options) {
    WorldOptions setup = world_options(options, 5);
    setup.seeds = std::min<std::uint32_t>(2, setup.nodes);
    return setup;
}

// A cluster with v1, and its clients have come.
struct Play {
    Play(const Options& options, const WorldOptions& setup, const CrowdOptions& crowd)
        : world(setup), report(options), stage(world, options.seed, crowd) {
        report.add("nodes", std::uint64_t{setup.nodes});
    }
    void begin(std::uint32_t servers, std::uint32_t seats) {
        report.expect(form(world, kForm), "the cluster did not form");
        registry::Policy policy;
        policy.ticket_ttl_s = registry::kMinTicketTtl;
        stage.set_policy(policy);
        stage.deploy("v1", servers, seats);
        world.run_for(seconds(1));
        stage.crowd().open(seconds(4));
        world.run_for(seconds(6));
    }
    Report end() {
        stage.finish(report);
        report.finish(world);
        return std::move(report);
    }
    // Two switches, each among so many troubles before and after; then peace.
    void switch_twice(Trouble& trouble, int before, int after) {
        for (const char* version : {"v2", "v3"}) {
            stage.deploy(version, 5, kSeats);
            for (int i = 0; i < before && world.ok(); ++i) trouble.step();
            stage.promote(version);
            for (int i = 0; i < after && world.ok(); ++i) trouble.step();
        }
        trouble.make_peace();
        world.run_for(seconds(5));
        trouble.report(report);
    }
    // Half of the nodes on either side; clients reach everybody.
    void divide() {
        std::vector<std::uint32_t> island;
        for (std::uint32_t i = world.size() / 2; i < world.size(); ++i) island.push_back(i);
        world.partition(island);
        for (const std::uint32_t node : island) stage.crowd().take_side(node, 1);
    }
    void heal() {
        world.heal();
        for (std::uint32_t i = 0; i < world.size(); ++i) stage.crowd().take_side(i, 0);
    }

    World world;
    Report report;
    Stage stage;
};

}  // namespace

Report run_rollout(const Options& options) {
    Play play{options, setup_of(options), {}};
    play.stage.witness().nodes_stay_up = true;
    play.begin(3, kSeats);
    play.stage.deploy("v2", 3, kSeats);
    play.world.run_for(seconds(3));
    play.stage.promote("v2");
    play.world.run_for(seconds(5));
    play.stage.deploy("v3", 3, kSeats);
    play.world.run_for(seconds(2));
    play.report.add("v1_sessions_when_v3_came", std::uint64_t{play.stage.sessions_on("v1")});
    play.stage.promote("v3");
    play.world.run_for(seconds(5));
    return play.end();
}

Report run_rollout_partition(const Options& options) {
    Play play{options, setup_of(options), {}};
    play.begin(5, kSeats);
    play.stage.deploy("v2", 5, kSeats);
    play.world.run_for(seconds(3));
    play.divide();
    play.world.run_for(seconds(static_cast<std::int64_t>(play.stage.dice().below(15))));
    play.stage.promote("v2");
    play.world.run_for(seconds(15));
    play.heal();
    play.world.run_for(seconds(3));
    return play.end();
}

Report run_two_rollouts(const Options& options) {
    CrowdOptions crowd;
    crowd.take_sides = options.seed % 2 == 0;
    Play play{options, setup_of(options), crowd};
    play.begin(5, kSeats);
    play.stage.deploy("v2", 5, kSeats);
    play.stage.deploy("v3", 5, kSeats);
    play.world.run_for(seconds(3));
    play.divide();
    play.world.run_for(seconds(static_cast<std::int64_t>(play.stage.dice().below(12))));
    const std::uint32_t last = play.world.size() - 1;
    const bool one = play.stage.command_at(0, Stage::promotion("v2"));
    play.world.run_for(Time{static_cast<std::int64_t>(play.stage.dice().below(3'000'000))});
    const bool other = play.stage.command_at(last, Stage::promotion("v3"));
    play.report.expect(one && other, "a side could not decide");
    play.world.run_for(seconds(12));
    play.heal();
    play.world.run_for(seconds(5));
    return play.end();
}

Report run_rollback(const Options& options) {
    Play play{options, setup_of(options), {}};
    play.begin(4, kSeats);
    play.stage.deploy("v2", 4, kSeats);
    play.world.run_for(seconds(3));
    registry::RolloutCommand half;
    half.kind = registry::RolloutCommand::Kind::split;
    half.weights = {{"v1", 50}, {"v2", 50}};
    play.report.expect(play.stage.command(half), "nobody splits");
    play.world.run_for(seconds(6));
    play.report.add("v2_sessions_at_half", std::uint64_t{play.stage.sessions_on("v2")});
    registry::RolloutCommand back;
    back.kind = registry::RolloutCommand::Kind::rollback;
    back.version = "v1";
    play.report.expect(play.stage.command(back), "nobody rolls back");
    play.world.run_for(seconds(10));
    play.report.expect(play.stage.alive("v2") > 0 || !play.world.ok(),
                       "after a rollback the newer version is kept, to try again");
    return play.end();
}

Report run_storm(const Options& options) {
    CrowdOptions crowd;
    crowd.clients = options.rows.value_or(300);
    crowd.shortest = seconds(1);
    crowd.longest = seconds(8);
    crowd.pause = Time{500'000};
    WorldOptions setup = setup_of(options);
    setup.faults.hop = Time{20'000};
    Play play{options, setup, crowd};
    play.begin(6, 5);
    play.world.run_for(seconds(8));
    play.stage.deploy("v2", 6, 5);
    play.world.run_for(seconds(2));
    play.stage.promote("v2");
    play.world.run_for(seconds(10));
    return play.end();
}

Report run_rollout_restarts(const Options& options) {
    Play play{options, setup_of(options), {}};
    play.stage.witness().nodes_stay_up = false;
    play.stage.witness().disks_are_kept = options.seed % 2 == 0;
    play.stage.witness().births_are_told = false;
    TroubleOptions what;
    what.crashes = what.pauses = true;
    what.lose_disks = options.seed % 2 != 0;
    Trouble trouble{play.world, play.stage, what};
    play.begin(5, kSeats);
    play.switch_twice(trouble, 20, 40);
    return play.end();
}

Report run_rollout_skew(const Options& options) {
    constexpr std::int64_t kBehind = 300'000;  // ms
    constexpr std::int64_t kAhead = 50'000;
    constexpr std::int64_t kNearlyRight = 200;
    WorldOptions setup = setup_of(options);
    setup.drift_ppm = 200;
    Play play{options, setup, {}};
    play.stage.witness().nodes_stay_up = false;
    play.stage.witness().clocks_are_right = false;
    play.stage.witness().births_are_told = false;
    // One is wrong by minutes, but not further ahead than what others merge.
    gossip::Rng& dice = play.stage.dice();
    const auto within = [&dice](std::int64_t least, std::int64_t most) {
        return static_cast<std::int64_t>(dice.below(static_cast<std::uint64_t>(most - least + 1))) +
               least;
    };
    for (std::uint32_t i = 0; i + 1 < play.world.size(); ++i) {
        play.world.node(i).step_wall(within(-kNearlyRight, kNearlyRight));
    }
    play.world.node(play.world.size() - 1).step_wall(within(-kBehind, kAhead));
    TroubleOptions what;
    what.step_ms = options.step_ms.value_or(5'000);
    what.crashes = options.seed % 2 == 0;
    Trouble trouble{play.world, play.stage, what};
    play.begin(5, kSeats);
    play.switch_twice(trouble, 20, 30);
    return play.end();
}

}  // namespace sim
