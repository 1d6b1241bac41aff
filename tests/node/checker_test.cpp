#include "node/checks/checker.h"

#include <gmock/gmock.h>

#include "gossip/table.h"
#include "node/clock.h"
#include "node/http/writes.h"
#include "registry/instance.h"
#include "registry/registration.h"
#include "tests/support/eventually.h"
#include "tests/support/health_server.h"

// The checker with a real core and real sockets, without a disk and without peers.

namespace {

using namespace std::chrono_literals;
using gossip::Core;
using gossip::Now;
using gossip::Output;
using node::Checker;
using registry::Check;
using registry::Instance;
using test::eventually;
using test::HealthServer;

// Runs each work at once on the thread that submits it, one at a time.
class CoreUnderLock final : public node::CoreHandle {
  public:
    explicit CoreUnderLock(node::RowListener& rows) : rows_(rows) {
        Output out;
        core_.start(node::read_clocks(), out);
    }

    bool submit(Work work, Done done) override {
        if (full) return false;
        {
            const std::lock_guard lock(mutex_);
            const Now now = node::read_clocks();
            Output out;
            work(core_, now, out);
            core_.tick(now, out);
            rows_.changed(out, core_);
            for (const gossip::Record& record : out.durable) {
                versions_ += record.kind() == gossip::RecordKind::instance ? 1 : 0;
            }
            if (after_turn) after_turn(core_);
        }
        done();
        return true;
    }

    void listen(node::QuestionListener* /*listener*/) override {}

    gossip::PutStatus put(const Instance& instance) {
        gossip::PutStatus status{};
        submit(
            [&](Core& core, Now now, Output& out) {
                gossip::LocalWrite write = registry::encode(instance);
                status = registry::put_registration(core, write, now, out).status;
            },
            [] {});
        return status;
    }
    void remove(const std::string& address) {
        submit(
            [&](Core& core, Now now, Output& out) {
                gossip::LocalWrite write;
                write.key = address;
                write.tombstone = true;
                write.timed_by_application = false;
                EXPECT_EQ(core.put(write, now, out).status, gossip::PutStatus::updated);
            },
            [] {});
    }
    // A newer version of a row, in the hands of another node.
    void taken_over(const std::string& address) {
        submit(
            [&](Core& core, Now now, Output& out) {
                auto fields = core.table().find(gossip::RecordKind::instance, address)->fields();
                fields.owner = {0xb0b};
                fields.stamp = gossip::Stamp::at_ms(fields.stamp.ms() + 1);
                const auto record = gossip::Record::make(fields, core.config().key);
                ASSERT_TRUE(core.restore(record.bytes(), now));
                out.behind.push_back(record);
            },
            [] {});
    }
    struct Seen {
        Instance instance;
        bool expired = false;
        std::uint64_t last_update = 0;
    };
    std::optional<Seen> find(const std::string& address) {
        const std::lock_guard lock(mutex_);
        const auto* record = core_.table().find(gossip::RecordKind::instance, address);
        if (record == nullptr || record->tombstone()) return {};
        return Seen{registry::decode(record->fields()).value(), record->expired(),
                    core_.last_update(*record)};
    }
    bool expired(const std::string& address) {
        const auto seen = find(address);
        return seen && seen->expired;
    }
    std::size_t versions() {
        const std::lock_guard lock(mutex_);
        return versions_;
    }

    std::atomic<bool> full{false};
    std::function<void(const Core&)> after_turn;  // set it while nobody submits

  private:
    node::RowListener& rows_;
    std::mutex mutex_;
    Core core_{gossip::Config{},
               {gossip::NodeId{0xabc}, "solo", gossip::Endpoint::v4(127, 0, 0, 1, 7701), ""},
               1,
               node::read_clocks()};
    std::size_t versions_ = 0;
};

class CheckerTest : public testing::Test {
  protected:
    // The server first: whoever asks it is gone before it.
    std::mutex mutex_;
    std::string reply_ = HealthServer::ok("{}");
    int failures_between_ = 0;  // before each success; set it before anything is registered
    int tries_ = 0;
    HealthServer server_{[this](const std::string& path) -> std::optional<std::string> {
        if (path.starts_with("/hang")) return std::nullopt;
        const std::lock_guard lock(mutex_);
        if (failures_between_ > 0 && tries_++ % (failures_between_ + 1) < failures_between_) {
            return HealthServer::ok("{}", "429 Too Many Requests");
        }
        return reply_;
    }};
    Checker checker_{node::CheckPolicy{}};
    CoreUnderLock core_{checker_.rows()};

    void SetUp() override { checker_.start(core_); }
    void TearDown() override { checker_.stop(); }

    void answer(const std::string& body, const std::string& status = "200 OK") {
        const std::lock_guard lock(mutex_);
        reply_ = HealthServer::ok(body, status);
    }
    [[nodiscard]] Instance instance(const std::string& path = "/health/",
                                    const std::string& address = "127.0.0.1:9000") const {
        Instance x;
        x.address = address;
        x.app_name = "chat";
        x.last_update = 1'000;  // a clock that is far behind
        x.ttl_s = 600;
        x.check = Check{Check::Kind::http, server_.url(path), 1'000, 900};
        return x;
    }
    // Waits for so many further tries of a path.
    bool tried(int times, const std::string& path = "/health/") {
        const int before = server_.requests(path);
        return eventually([&] { return server_.requests(path) >= before + times; }, 60s);
    }
    static constexpr const char* kAddress = "127.0.0.1:9000";
};

TEST_F(CheckerTest, ASuccessIsAHeartbeatAndWritesNothing) {
    ASSERT_EQ(core_.put(instance()), gossip::PutStatus::created);
    const std::size_t versions = core_.versions();
    ASSERT_TRUE(eventually([&] { return core_.find(kAddress)->last_update > 1'000'000; }));
    ASSERT_TRUE(tried(2));
    EXPECT_EQ(core_.versions(), versions);
    EXPECT_EQ(checker_.counters().known, 1U);
}

TEST_F(CheckerTest, ThreeMissesExpireAnInstanceAndOneSuccessRevivesIt) {
    answer("{}", "503 Service Unavailable");
    ASSERT_EQ(core_.put(instance()), gossip::PutStatus::created);
    ASSERT_TRUE(eventually([&] { return core_.expired(kAddress); }, 60s));
    EXPECT_GE(checker_.counters().missed, 3U);
    answer("{}");
    ASSERT_TRUE(eventually([&] { return !core_.expired(kAddress); }, 60s));
}

TEST_F(CheckerTest, TwoMissesAndASuccessTimeAndAgainAreNoThreeMisses) {
    failures_between_ = 2;
    core_.put(instance());
    ASSERT_TRUE(tried(9));
    EXPECT_GE(checker_.counters().missed, 4U);
    EXPECT_FALSE(core_.expired(kAddress));
    EXPECT_EQ(core_.versions(), 1U);
}

TEST_F(CheckerTest, ARegistrationDoesNotMakeUpForChecksThatStillFail) {
    answer("{}", "503 Service Unavailable");
    std::vector<std::uint64_t> misses_at_expiry;
    bool was_expired = false;
    core_.after_turn = [&](const Core& core) {
        const auto* record = core.table().find(gossip::RecordKind::instance, kAddress);
        const bool expired = record != nullptr && record->expired();
        if (expired && !was_expired) misses_at_expiry.push_back(checker_.counters().missed);
        was_expired = expired;
    };
    core_.put(instance());
    ASSERT_TRUE(eventually([&] { return core_.expired(kAddress); }, 60s));
    const std::uint64_t missed = checker_.counters().missed;
    Instance again = instance();
    again.last_update = static_cast<std::uint64_t>(std::time(nullptr));
    ASSERT_EQ(core_.put(again), gossip::PutStatus::updated);
    ASSERT_TRUE(eventually([&] { return core_.expired(kAddress); }, 60s));
    checker_.stop();
    ASSERT_EQ(misses_at_expiry.size(), 2U);
    EXPECT_EQ(misses_at_expiry[0], 3U);
    // The next miss was enough; the one before may have come while we registered.
    EXPECT_LE(misses_at_expiry[1], missed + 2);
}

TEST_F(CheckerTest, TakesOverWhatTheApplicationSaysOfItself) {
    Instance x = instance();
    x.sessions = 5;
    x.capacity = 40;
    x.metadata = R"({"map":"desert"})";
    answer(R"({"available_capacity":7,"ready_to_close":true})");
    core_.put(x);
    ASSERT_TRUE(eventually([&] { return core_.find(kAddress)->instance.ready_to_close; }));
    const Instance seen = core_.find(kAddress)->instance;
    EXPECT_EQ(seen.capacity, 12U);  // seven free ones and five that are taken
    EXPECT_EQ(seen.sessions, 5U);
    EXPECT_EQ(seen.metadata, x.metadata);
    EXPECT_EQ(seen.check, x.check);
    // Who says nothing changes nothing.
    answer("OK");
    ASSERT_TRUE(tried(2));
    EXPECT_TRUE(core_.find(kAddress)->instance.ready_to_close);
    EXPECT_EQ(core_.find(kAddress)->instance.capacity, 12U);
    answer(R"({"ready_to_close":false})");
    ASSERT_TRUE(eventually([&] { return !core_.find(kAddress)->instance.ready_to_close; }));
}

TEST_F(CheckerTest, AFullServerThatCountsNoSessionsIsFullAndNotUnlimited) {
    const auto seats = [&](std::uint32_t capacity, std::uint32_t sessions) {
        return eventually([&] {
            const Instance x = core_.find(kAddress)->instance;
            return x.capacity == capacity && x.sessions == sessions;
        });
    };
    answer(R"({"available_capacity":3})");
    core_.put(instance());
    EXPECT_TRUE(seats(3, 0));
    answer(R"({"available_capacity":0})");
    EXPECT_TRUE(seats(1, 1));
    ASSERT_TRUE(tried(2));
    EXPECT_TRUE(seats(1, 1));
    answer(R"({"available_capacity":2})");
    EXPECT_TRUE(seats(2, 0));
}

TEST_F(CheckerTest, AnAnswerWithMembersOfTheWrongTypeIsHealthyAndCounted) {
    answer(R"({"available_capacity":"many","ready_to_close":true})");
    core_.put(instance());
    ASSERT_TRUE(eventually([&] { return checker_.counters().odd >= 4; }, 60s));
    EXPECT_FALSE(core_.expired(kAddress));
    EXPECT_TRUE(core_.find(kAddress)->instance.ready_to_close);
    EXPECT_EQ(core_.find(kAddress)->instance.capacity, 0U);
}

TEST_F(CheckerTest, ADeletedInstanceIsNotAskedAnyMoreAndNotRevived) {
    core_.put(instance());
    core_.put(instance("/control/", "127.0.0.1:9001"));
    ASSERT_TRUE(tried(1) && tried(1, "/control/"));
    core_.remove(kAddress);
    ASSERT_TRUE(eventually([&] { return checker_.counters().known == 1; }));
    const int before = server_.requests();
    ASSERT_TRUE(tried(4, "/control/"));
    EXPECT_LE(server_.requests(), before + 1);  // one may have been under way
    EXPECT_FALSE(core_.find(kAddress));
}

TEST_F(CheckerTest, AnInstanceThatAnotherNodeTookOverIsItsToCheck) {
    core_.put(instance());
    ASSERT_TRUE(tried(1));
    core_.taken_over(kAddress);
    ASSERT_TRUE(eventually([&] { return checker_.counters().known == 0; }));
    EXPECT_EQ(core_.find(kAddress)->instance.owner, gossip::NodeId{0xb0b});
}

TEST_F(CheckerTest, ANewCheckOfAnInstanceReplacesTheOldOne) {
    core_.put(instance("/old/"));
    ASSERT_TRUE(tried(1, "/old/"));
    Instance x = instance("/new/");
    x.last_update = static_cast<std::uint64_t>(std::time(nullptr)) + 2;
    ASSERT_EQ(core_.put(x), gossip::PutStatus::updated);
    const int old = server_.requests("/old/");
    ASSERT_TRUE(tried(4, "/new/"));
    EXPECT_LE(server_.requests("/old/"), old + 1);
    x.check.reset();
    x.last_update += 2;
    core_.put(x);
    EXPECT_TRUE(eventually([&] { return checker_.counters().known == 0; }));
}

// Such a row can be on the disk of an agent that was started with other settings before.
TEST_F(CheckerTest, ACheckThatMayNotGoThereIsNotCarriedOutAndHasNoResult) {
    core_.put(instance("/health/", "10.0.0.1:9000"));
    ASSERT_TRUE(eventually([&] { return checker_.counters().refused >= 4; }, 60s));
    EXPECT_EQ(server_.requests(), 0);
    EXPECT_EQ(checker_.counters().missed, 0U);
    EXPECT_FALSE(core_.expired("10.0.0.1:9000"));
    EXPECT_EQ(core_.find("10.0.0.1:9000")->last_update, 1'000U);
}

TEST_F(CheckerTest, WhatABusyCoreDoesNotTakeIsCounted) {
    core_.put(instance());
    ASSERT_TRUE(tried(1));
    core_.full = true;
    ASSERT_TRUE(eventually([&] { return checker_.counters().dropped >= 2; }, 60s));
    core_.full = false;
    const auto since = core_.find(kAddress)->last_update;
    EXPECT_TRUE(eventually([&] { return core_.find(kAddress)->last_update > since; }, 60s));
}

TEST_F(CheckerTest, HundredsThatHangDoNotDelayThoseThatAnswer) {
    constexpr int kHang = 450;
    constexpr int kWell = 50;
    constexpr int kTries = 12;
    const auto path = [](const std::string& what, int i) {
        return "/" + what + "/" + std::to_string(i);
    };
    for (int i = 0; i < kHang + kWell; ++i) {
        const std::string what = i < kWell ? "well" : "hang";
        core_.put(instance(path(what, i), "127.0.0.1:" + std::to_string(1'000 + i)));
    }
    ASSERT_TRUE(eventually(
        [&] {
            for (int i = 0; i < kWell; ++i) {
                if (server_.requests(path("well", i)) < kTries) return false;
            }
            return true;
        },
        100s));
    int hung = 0;
    for (int i = kWell; i < kHang + kWell; ++i) hung += server_.requests(path("hang", i));
    // There are too few connections for all; had all queued together, all were asked as often.
    EXPECT_LT(hung, kHang * kTries / 2);
    EXPECT_GT(hung, kHang / 2);
    for (int i = 0; i < kWell; ++i) {
        EXPECT_FALSE(core_.expired("127.0.0.1:" + std::to_string(1'000 + i)));
    }
    EXPECT_LE(checker_.counters().running, Checker::kMaxRunning);
}

TEST_F(CheckerTest, StopsAtOnceWhileServersHang) {
    Instance x = instance("/hang");
    x.check->interval_ms = 60'000;
    x.check->timeout_ms = 60'000;
    for (int i = 0; i < 1'000; ++i) {
        x.address = "127.0.0.1:" + std::to_string(1'000 + i);
        core_.put(x);
    }
    ASSERT_TRUE(eventually(
        [&] { return checker_.counters().running > 0 && checker_.counters().known == 1'000; },
        60s));
    checker_.stop();  // else the time limit of the test ends this
    checker_.stop();
}

}  // namespace
