#include "node/core_loop.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "gossip/membership.h"
#include "gossip/table.h"
#include "node/cli/scratch.h"
#include "node/clock.h"
#include "registry/instance.h"

namespace {

using namespace std::chrono_literals;
using gossip::Core;
using gossip::Endpoint;
using gossip::Now;
using gossip::Output;
using node::CoreLoop;

// One node without its API, on its own directory and ports. All loops of a test share one thread.
struct Shell {
    Shell(asio::io_context& io, std::uint64_t id, const std::vector<Endpoint>& seeds = {})
        : store{node::SqliteStore::open(dir.path()).value()},
          ports{node::bind_gossip(io, Endpoint::v4(127, 0, 0, 1, 0)).value()} {
        gossip::Config config;
        config.interval = 100ms;
        const Now now = node::read_clocks();
        core.emplace(gossip::validated(config).value(),
                     gossip::Identity{{id}, "n" + std::to_string(id), ports->local, ""}, id, now);
        const auto rows = store->load([&](gossip::Bytes b) { EXPECT_TRUE(core->restore(b, now)); });
        EXPECT_TRUE(rows);
        core->set_seeds(seeds, now);
        at = ports->local;
        loop.emplace(io, CoreLoop::Parts{*core, *store, view}, std::move(*ports));
    }
    ~Shell() { loop->stop(); }

    [[nodiscard]] bool lists(const std::string& address) const {
        return view.load()->find(address) != nullptr;
    }
    bool submit(
        const std::string& address, CoreLoop::Done done = [] {}) {
        return loop->submit(
            [address](Core& c, Now now, Output& out) {
                registry::Instance instance;
                instance.address = address;
                instance.app_name = "chat";
                instance.last_update = static_cast<std::uint64_t>(now.wall.time_since_epoch() / 1s);
                EXPECT_EQ(c.put(registry::encode(instance), now, out).status,
                          gossip::PutStatus::created);
            },
            std::move(done));
    }

    node::cli::ScratchDir dir{"hearsay-loop"};
    std::unique_ptr<node::SqliteStore> store;
    std::unique_ptr<node::GossipPorts> ports;
    node::Published<registry::View> view;
    std::optional<Core> core;
    std::optional<CoreLoop> loop;
    Endpoint at;
};

template <class Predicate>
bool run_until(asio::io_context& io, Predicate holds) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
        io.restart();
        io.run_one_for(20ms);
    }
    return holds();
}

TEST(CoreLoop, AWriteIsDurableAndListedWhenItsDoneRuns) {
    asio::io_context io;
    Shell shell{io, 1};
    shell.loop->start();
    bool done = false;
    shell.submit("10.0.0.1:1", [&] {
        done = true;
        EXPECT_TRUE(shell.lists("10.0.0.1:1"));
        EXPECT_FALSE(shell.store->flush_due());
        std::uint64_t rows = 0;
        EXPECT_TRUE(shell.store->load([&](gossip::Bytes) { ++rows; }));
        EXPECT_EQ(rows, 2U);  // the node itself and the instance
    });
    EXPECT_TRUE(run_until(io, [&] { return done; }));
}

TEST(CoreLoop, WritesThatAreQueuedTogetherShareOneTransactionAndKeepTheirOrder) {
    asio::io_context io;
    Shell shell{io, 1};
    shell.loop->start();
    const std::uint64_t before = shell.store->stats().transactions;
    std::vector<int> order;
    for (int i = 0; i < 500; ++i) {
        shell.submit("10.0.0.1:" + std::to_string(i + 1), [&order, i] { order.push_back(i); });
    }
    ASSERT_TRUE(run_until(io, [&] { return order.size() == 500; }));
    EXPECT_EQ(shell.store->stats().transactions, before + 1);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(shell.view.load()->size(), 500U);
}

TEST(CoreLoop, ThreadsMayWriteWhileItRuns) {
    asio::io_context io;
    Shell shell{io, 1};
    shell.loop->start();
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&shell, &done, t] {
            for (int i = 1; i <= 200; ++i) {
                const std::string address = "10.0." + std::to_string(t) + ".1:" + std::to_string(i);
                EXPECT_TRUE(shell.submit(address, [&done] { ++done; }));
            }
        });
    }
    EXPECT_TRUE(run_until(io, [&] { return done == 800; }));
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(shell.view.load()->size(), 800U);
    EXPECT_GT(shell.loop->turn_stats().turns, 0U);
    EXPECT_GE(shell.loop->turn_stats().total, shell.loop->turn_stats().longest);
}

TEST(CoreLoop, AQueueThatIsFullSaysNo) {
    asio::io_context io;
    Shell shell{io, 1};
    const auto nothing = [](Core&, Now, Output&) {};
    for (std::size_t i = 0; i < CoreLoop::kMaxQueued; ++i) {
        ASSERT_TRUE(shell.loop->submit(nothing, [] {}));
    }
    EXPECT_FALSE(shell.loop->submit(nothing, [] {}));
    shell.loop->start();
    for (int i = 0; i < 10; ++i) io.run_one();
    EXPECT_TRUE(shell.loop->submit(nothing, [] {}));
}

TEST(CoreLoop, AWriteReachesTheOtherNodes) {
    asio::io_context io;
    Shell a{io, 1};
    Shell b{io, 2, {a.at}};
    Shell c{io, 3, {a.at}};
    for (Shell* shell : {&a, &b, &c}) shell->loop->start();
    ASSERT_TRUE(run_until(io, [&] {
        return a.core->agreement().nodes == 3 && b.core->joined() && c.core->joined();
    }));
    a.submit("10.0.0.1:1");
    EXPECT_TRUE(run_until(io, [&] { return b.lists("10.0.0.1:1") && c.lists("10.0.0.1:1"); }));
    EXPECT_EQ(c.view.load()->nodes().size(), 3U);
    // And their disks, a little later.
    EXPECT_TRUE(run_until(io, [&] { return !c.store->flush_due(); }));
    std::uint64_t rows = 0;
    EXPECT_TRUE(c.store->load([&](gossip::Bytes) { ++rows; }));
    EXPECT_EQ(rows, 4U);
}

TEST(CoreLoop, ALargeTableReachesAJoiningNodeByStream) {
    asio::io_context io;
    Shell a{io, 1};
    a.loop->start();
    for (int i = 0; i < 6000; ++i) {
        a.submit("10." + std::to_string(i / 200) + ".0.1:" + std::to_string(i % 200 + 1));
    }
    ASSERT_TRUE(run_until(io, [&] { return a.view.load()->size() == 6000; }));
    Shell b{io, 2, {a.at}};
    b.loop->start();
    EXPECT_TRUE(run_until(io, [&] { return b.view.load()->size() == 6000; }));
    EXPECT_GE(a.core->counters().snapshots_served, 1U);
}

TEST(CoreLoop, ARestartListsWhatTheDiskHolds) {
    asio::io_context io;
    Shell shell{io, 1};
    shell.loop->start();
    bool done = false;
    shell.submit("10.0.0.1:1", [&] { done = true; });
    ASSERT_TRUE(run_until(io, [&] { return done; }));
    shell.loop->stop();

    node::Published<registry::View> view;
    const Now now = node::read_clocks();
    Core core{gossip::Config{}, {{1}, "n1", shell.at, ""}, 2, now};
    ASSERT_TRUE(shell.store->load([&](gossip::Bytes b) { EXPECT_TRUE(core.restore(b, now)); }));
    auto ports = node::bind_gossip(io, Endpoint::v4(127, 0, 0, 1, 0)).value();
    CoreLoop loop{io, {core, *shell.store, view}, std::move(*ports)};
    loop.start();
    EXPECT_NE(view.load()->find("10.0.0.1:1"), nullptr);
    loop.stop();
}

TEST(CoreLoop, LeavingTellsTheOthersAndThenEnds) {
    asio::io_context io;
    Shell a{io, 1};
    Shell b{io, 2, {a.at}};
    a.loop->start();
    b.loop->start();
    ASSERT_TRUE(run_until(io, [&] { return a.core->agreement().nodes == 2; }));
    bool gone = false;
    b.loop->leave([&] { gone = true; });
    EXPECT_FALSE(gone);
    EXPECT_TRUE(run_until(io, [&] { return gone; }));
    EXPECT_EQ(a.core->members().count(gossip::MemberState::left), 1U);
}

TEST(CoreLoop, AfterStopItTakesNothing) {
    asio::io_context io;
    Shell shell{io, 1};
    shell.loop->start();
    shell.loop->stop();
    EXPECT_FALSE(shell.loop->submit([](Core&, Now, Output&) {}, [] {}));
}

TEST(CoreLoop, ADiskThatRefusesEndsTheRun) {
    asio::io_context io;
    Shell shell{io, 1};
    shell.loop->start();
    shell.submit("10.0.0.1:1");
    shell.loop->submit([](Core&, Now, Output&) { throw node::PersistFailed("disk full"); }, [] {});
    EXPECT_THROW(run_until(io, [] { return false; }), node::PersistFailed);
}

TEST(Published, AReadersCopyStaysAsItWas) {
    node::Published<int> published;
    published.store(std::make_shared<const int>(1));
    const auto held = published.load();
    published.store(std::make_shared<const int>(2));
    EXPECT_EQ(*held, 1);
    EXPECT_EQ(*published.load(), 2);
}

}  // namespace
