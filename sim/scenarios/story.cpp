#include "sim/scenarios/story.h"

namespace sim {
namespace {

constexpr std::uint64_t kStepMost = 150'000;  // us
constexpr std::uint32_t kKeys = 120;
constexpr std::uint32_t kTtl = 3;  // seconds: some leases lapse while the faults last

}  // namespace

Story::Story(World& world, StoryOptions options)
    : world_(world),
      options_(options),
      base_(world.links().faults),
      leaving_(world.size()),
      wrong_ms_(world.size()) {}

void Story::step() {
    const std::uint32_t what = dice(100);
    if (what < 55) {
        for (std::uint32_t burst = dice(15) == 0 ? 60 : 1; burst > 0; --burst) write();
    } else if (what < 62) {
        crash();
    } else if (what < 72) {
        restart();
    } else if (what < 77) {
        pause();
    } else if (what < 83) {
        node().resume();
    } else if (what < 87) {
        divide();
    } else if (what < 92) {
        world_.heal();
    } else if (what < 98) {
        weather();
    } else {
        leave();
    }
    if (options_.step_ms > 0 && dice(25) == 0) step_clock();
    if (dice(20) == 0) world_.checkpoint();
    world_.run_for(Time{dice(kStepMost)});
}

// Ends all faults and starts everyone, some of whom are on their way out.
void Story::make_peace() {
    world_.links().faults = base_;
    world_.heal();
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        SimNode& n = world_.node(i);
        n.survive();
        n.step_wall(-wrong_ms_[i]);
        wrong_ms_[i] = 0;
        n.resume();
        if (leaving_[i] && n.running()) n.crash();
    }
    leaving_.assign(world_.size(), false);
    world_.start_all();
}

std::uint32_t Story::dice(std::uint64_t sides) {
    return static_cast<std::uint32_t>(world_.dice().below(sides));
}
// A running one if there is luck; a stopped one does not react to pause() and resume() below.
SimNode& Story::node() {
    for (int tries = 0; tries < 10; ++tries) {
        SimNode& n = any_node();
        if (n.running()) return n;
    }
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        if (world_.node(i).running()) return world_.node(i);
    }
    world_.node(0).start();
    return world_.node(0);
}

void Story::write() {
    SimNode& n = node();
    if (n.paused()) return;
    // Every fifth time with the content of the last time: a renewal.
    if (dice(5) != 0) ++done_.writes;
    gossip::LocalWrite w = instance_write(dice(kKeys), done_.writes, n.now());
    if (dice(8) == 0) w.value.append(dice(900), '.');
    if (dice(8) == 0) w.ttl_s = kTtl;
    const std::uint32_t kind = dice(10);
    w.tombstone = kind < 3;
    w.timed_by_application = kind >= 5;
    if (kind == 6) w.last_update -= dice(5);  // an application's clock that is slow
    if (kind == 7) w.last_update += dice(90);
    w.conditional = kind == 8;
    w.coalesce = kind == 9;
    if (w.conditional) {
        const gossip::Record* row = n.core().table().find(w.kind, w.key);
        if (row != nullptr && !row->tombstone()) w.if_stamp = row->stamp();
    }
    check(n, w, n.put(w));
}

// A write that was accepted is in the table and on the disk when it is answered.
void Story::check(const SimNode& n, const gossip::LocalWrite& w, const gossip::PutResult& result) {
    const bool accepted =
        result.status == gossip::PutStatus::created || result.status == gossip::PutStatus::updated;
    if (!accepted || !n.running()) return;
    const auto row = n.disk().rows().find({w.kind, w.key});
    if (row == n.disk().rows().end() || row->second != result.current) {
        world_.checkers().fail({2, n.index(), world_.now(), w.key,
                                "the write was answered, but it is not on the disk"});
    }
}

void Story::crash() {
    SimNode& n = node();
    ++done_.crashes;
    if (dice(2) == 0) {
        n.crash_within_turn(dice(5));
    } else if (options_.lose_power && dice(3) == 0) {
        n.lose_power();
    } else {
        n.crash();
    }
}

void Story::restart() {
    SimNode& n = any_node();
    if (n.running()) return;
    leaving_[n.index()] = false;
    if (options_.lose_disks && dice(4) == 0) {
        n.lose_disk();
        ++done_.lost_disks;
    }
    n.start();
    ++done_.restarts;
}

void Story::pause() {
    SimNode& n = node();
    if (!n.paused()) ++done_.pauses;
    n.pause();
}

void Story::divide() {
    if (dice(3) == 0) {
        const std::uint32_t from = dice(world_.size());
        const std::uint32_t to = dice(world_.size());
        if (from != to) world_.cut(from, to);
        ++done_.cuts;
        return;
    }
    std::vector<std::uint32_t> island;
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        if (dice(2) == 0) island.push_back(i);
    }
    world_.partition(island);
    ++done_.partitions;
}

void Story::weather() {
    Faults& faults = world_.links().faults;
    faults.loss_ppm = dice(3) == 0 ? dice(400'000) : base_.loss_ppm;
    faults.duplicate_ppm = dice(100'000);
    faults.reorder_ppm = dice(100'000);
    faults.corrupt_ppm = dice(2) == 0 ? dice(300'000) : 0;
    faults.babble_ppm = dice(2) == 0 ? dice(100'000) : 0;
    if (options_.change_hops) faults.hop = Time{100 + dice(dice(2) == 0 ? 1'000 : 20'000)};
}

void Story::leave() {
    SimNode& n = node();
    if (n.paused() || leaving_[n.index()]) return;
    leaving_[n.index()] = true;
    n.leave();
}

// The next step of a clock that is wrong puts it right.
void Story::step_clock() {
    SimNode& n = any_node();
    std::int64_t& wrong = wrong_ms_[n.index()];
    const auto most = static_cast<std::uint64_t>(2 * options_.step_ms + 1);
    const std::int64_t target = wrong != 0 ? 0 : std::int64_t{dice(most)} - options_.step_ms;
    n.step_wall(target - wrong);
    wrong = target;
    ++done_.clock_steps;
}

}  // namespace sim
