#include "sim/scenarios/scenario.h"

// Random writes and random faults, everything checked after every event; then the faults end,
// everyone is started again, and the cluster has to agree on the newest version of every row.
// Limits differ from seed to seed, so that small differences and whole snapshots, datagrams and
// streams are all taken.

namespace sim {
namespace {

constexpr Time kForm{20'000'000};
constexpr Time kPeace{90'000'000};
constexpr int kSteps = 400;
constexpr std::uint64_t kStepMost = 150'000;  // us; 75 ms on average, 30 s altogether
constexpr std::uint32_t kKeys = 120;
constexpr std::uint32_t kTtl = 3;  // seconds: some leases lapse while the faults last
constexpr Time kLapse{5'000'000};

// One cluster and what is being done to it.
class Story {
  public:
    Story(World& world, std::uint32_t base_loss, bool lose_disks)
        : world_(world), base_loss_(base_loss), lose_disks_(lose_disks) {}

    void step() {
        const std::uint32_t what = dice(100);
        if (what < 55) {
            for (std::uint32_t burst = dice(15) == 0 ? 60 : 1; burst > 0; --burst) write();
        } else if (what < 62) {
            crash();
        } else if (what < 72) {
            restart();
        } else if (what < 77) {
            node().pause();
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
        if (dice(20) == 0) world_.checkpoint();
        world_.run_for(Time{dice(kStepMost)});
    }

    // Ends all faults and starts everyone, some of whom are on their way out.
    void make_peace() {
        const Time hop = world_.links().faults.hop;
        world_.links().faults = Faults{};
        world_.links().faults.hop = hop;
        world_.links().faults.loss_ppm = base_loss_;
        world_.heal();
        for (std::uint32_t i = 0; i < world_.size(); ++i) {
            SimNode& n = world_.node(i);
            n.survive();
            n.resume();
            if (leaving_[i] && n.running()) n.crash();
        }
        leaving_.assign(world_.size(), false);
        world_.start_all();
    }

    [[nodiscard]] std::uint64_t writes() const { return writes_; }
    [[nodiscard]] std::uint64_t crashes() const { return crashes_; }

  private:
    std::uint32_t dice(std::uint64_t sides) {
        return static_cast<std::uint32_t>(world_.dice().below(sides));
    }
    SimNode& any_node() { return world_.node(dice(world_.size())); }
    // A running one if there is luck; a stopped one does not react to pause() and resume() below.
    SimNode& node() {
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

    void write() {
        SimNode& n = node();
        if (n.paused()) return;
        // Every fifth time with the content of the last time: a renewal.
        if (dice(5) != 0) ++writes_;
        gossip::LocalWrite w = instance_write(dice(kKeys), writes_, n.now());
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
    void check(const SimNode& n, const gossip::LocalWrite& w, const gossip::PutResult& result) {
        const bool accepted = result.status == gossip::PutStatus::created ||
                              result.status == gossip::PutStatus::updated;
        if (!accepted || !n.running()) return;
        const auto row = n.disk().rows().find({w.kind, w.key});
        if (row == n.disk().rows().end() || row->second != result.current) {
            world_.checkers().fail({2, n.index(), world_.now(), w.key,
                                    "the write was answered, but it is not on the disk"});
        }
    }

    void crash() {
        SimNode& n = node();
        ++crashes_;
        if (dice(2) == 0) {
            n.crash_within_turn(dice(5));
        } else {
            n.crash();
        }
    }

    void restart() {
        SimNode& n = any_node();
        if (n.running()) return;
        leaving_[n.index()] = false;
        if (lose_disks_ && dice(4) == 0) n.lose_disk();
        n.start();
    }

    void divide() {
        if (dice(3) == 0) {
            const std::uint32_t from = dice(world_.size());
            const std::uint32_t to = dice(world_.size());
            if (from != to) world_.cut(from, to);
            return;
        }
        std::vector<std::uint32_t> island;
        for (std::uint32_t i = 0; i < world_.size(); ++i) {
            if (dice(2) == 0) island.push_back(i);
        }
        world_.partition(island);
    }

    void weather() {
        Faults& faults = world_.links().faults;
        faults.loss_ppm = dice(3) == 0 ? dice(400'000) : base_loss_;
        faults.duplicate_ppm = dice(100'000);
        faults.reorder_ppm = dice(100'000);
        faults.corrupt_ppm = dice(2) == 0 ? dice(300'000) : 0;
        faults.babble_ppm = dice(2) == 0 ? dice(100'000) : 0;
    }

    void leave() {
        SimNode& n = node();
        if (n.paused() || leaving_[n.index()]) return;
        leaving_[n.index()] = true;
        n.leave();
    }

    World& world_;
    std::uint32_t base_loss_;
    bool lose_disks_;
    std::vector<bool> leaving_ = std::vector<bool>(world_.size());
    std::uint64_t writes_ = 0;
    std::uint64_t crashes_ = 0;
};

}  // namespace

Report run_churn(const Options& options) {
    WorldOptions setup = world_options(options, 5 + static_cast<std::uint32_t>(options.seed % 5));
    setup.seeds = std::min<std::uint32_t>(2, setup.nodes);
    setup.config.sketch_cells = 32U << (options.seed % 6);
    setup.config.snapshot_gap = options.seed % 3 == 0 ? 16 : 4096;
    const bool lose_disks = options.seed % 4 == 0;
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.expect(form(world, kForm), "the cluster did not form");

    Story story{world, setup.faults.loss_ppm, lose_disks};
    for (int i = 0; i < kSteps && world.ok(); ++i) story.step();
    story.make_peace();
    world.run_for(kLapse);
    settle(world, report, kPeace);
    // With a disk goes what nobody else has heard: the others cannot be blamed for it.
    if (lose_disks) {
        world.checkpoint();
    } else {
        world.check_settled(true);
    }
    if (setup.faults.loss_ppm == 0) measure_idle(world, report, 10);
    report.add("writes", story.writes());
    report.add("crashes", story.crashes());
    report.add("peel_failures", world.sum(&gossip::Counters::peel_failures));
    report.add("syncs", world.sum(&gossip::Counters::syncs));
    report.add("snapshots", world.sum(&gossip::Counters::snapshots_served));
    report.add("malformed", world.sum(&gossip::Counters::malformed));
    report.add("events", world.events_happened());
    report.finish(world);
    return report;
}

}  // namespace sim
