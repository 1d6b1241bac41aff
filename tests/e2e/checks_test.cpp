#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/cluster.h"
#include "tests/support/health_server.h"

// Health checks as applications, clients and operators see them.

namespace {

using namespace std::chrono_literals;
using test::Cluster;
using test::eventually;
using test::HealthServer;
using test::json;
using test::unix_now;

// An application that registers once and then only answers.
class Application {
  public:
    std::atomic<bool> well{true};

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] int asked() const { return server_.requests(); }
    [[nodiscard]] json check() const {
        return {{"http", server_.url()}, {"interval", "1s"}, {"timeout", "900ms"}};
    }
    [[nodiscard]] json body() const {
        return {{"address", address_},
                {"app_name", "chat"},
                {"last_update", unix_now()},
                {"check", check()}};
    }

  private:
    HealthServer server_{
        [this](const std::string&) {
            return well ? HealthServer::ok(R"({"available_capacity":7,"ready_to_close":true})")
                        : HealthServer::ok("{}", "503 Service Unavailable");
        },
        test::loopback()};
    std::string address_ = server_.address();
};

TEST(HealthChecks, ExpireAnInstanceEverywhereAfterThreeMissesAndReviveItAfterOneSuccess) {
    Application application;
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto answer = cluster[0].post(application.body());
    ASSERT_EQ(answer.body, "success");
    const auto state = [&] { return cluster[1].instance_state(application.address()); };
    ASSERT_TRUE(eventually([&] { return state() == "up" && application.asked() > 0; }));
    // What it says of itself is known at the other node, too, and so is the check.
    EXPECT_TRUE(eventually([&] {
        const json row = cluster[1].instance(application.address());
        return row.at("capacity") == 7 && row.at("ready_to_close") == true;
    })) << cluster[1].instance(application.address());
    EXPECT_EQ(cluster[1].instance(application.address()).at("check"), application.check());

    application.well = false;
    EXPECT_TRUE(eventually([&] { return state() == "expired"; }, 60s)) << cluster.logs();
    application.well = true;
    EXPECT_TRUE(eventually([&] { return state() == "up"; }, 60s)) << cluster.logs();

    const json counters = cluster[0].get("/v1/status").at("checks");
    EXPECT_EQ(counters.at("known"), 1);
    EXPECT_GE(counters.at("missed"), 3);
    EXPECT_GE(counters.at("runs"), 5);
    EXPECT_EQ(counters.at("refused"), 0);
    EXPECT_EQ(cluster[1].get("/v1/status").at("checks").at("known"), 0);  // the owner's alone
}

TEST(HealthChecks, GoOnAfterTheNodeWasKilledAndStopWhenTheInstanceIsDeleted) {
    Application application;
    Application control;
    Cluster cluster(1);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    ASSERT_EQ(cluster[0].post(application.body()).body, "success");
    ASSERT_EQ(cluster[0].post(control.body()).body, "success");
    ASSERT_TRUE(eventually([&] { return application.asked() > 0; }));

    cluster[0].process().kill();
    const int before = application.asked();
    cluster.restart(0);
    ASSERT_TRUE(eventually([&] { return application.asked() >= before + 2; })) << cluster.logs();
    EXPECT_EQ(cluster[0].instance_state(application.address()), "up");

    const auto answer = cluster[0].client().send(
        {.method = "DELETE", .target = "/v1/instances/" + application.address()});
    ASSERT_TRUE(answer.ok()) << answer.body;
    const int deleted = application.asked();
    const int controlled = control.asked();
    ASSERT_TRUE(eventually([&] { return control.asked() >= controlled + 4; }, 60s));
    EXPECT_LE(application.asked(), deleted + 1);  // one may have been under way
    EXPECT_EQ(cluster[0].instance_state(application.address()), "");
}

TEST(HealthChecks, DoNotMakeARegistrationOldWhoseClockIsBehind) {
    Application application;
    Cluster cluster(1);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    json body = application.body();
    body["last_update"] = 0;
    ASSERT_EQ(cluster[0].post(body).body, "success");
    ASSERT_TRUE(eventually([&] {
        return cluster[0].instance(application.address()).at("last_update") > 0;
    })) << cluster.logs();
    body["version"] = "v2";
    const auto again = cluster[0].post(body);
    EXPECT_EQ(again.body, "success") << again.status;
    EXPECT_EQ(cluster[0].instance(application.address()).at("version"), "v2");
}

TEST(HealthChecks, GoOnlyWhereTheOperatorAllowsThem) {
    Application application;
    Cluster cluster(2);
    cluster[0].start();
    cluster[1].start({}, {"--check-hosts", "192.0.2.1," + test::loopback()});
    ASSERT_TRUE(eventually([&] { return cluster[0].answers() && cluster[1].answers(); }))
        << cluster.logs();
    const json foreign = {{"app_name", "chat"}, {"check", application.check()}};
    const auto refused = cluster[0].put("10.0.0.1:9000", foreign);
    EXPECT_EQ(refused.status, 403) << refused.body;
    EXPECT_NE(refused.body.find("--check-hosts"), std::string::npos) << refused.body;
    json legacy = foreign;
    legacy.update({{"address", "10.0.0.1:9000"}, {"last_update", unix_now()}});
    EXPECT_EQ(cluster[0].post(legacy).status, 403);
    const auto all = cluster[0].client().send({.method = "POST",
                                               .target = "/registry/register_all",
                                               .body = json{{"10.0.0.1:9000", legacy}}.dump()});
    EXPECT_EQ(all.status, 403) << all.body;
    EXPECT_EQ(cluster[0].instance_state("10.0.0.1:9000"), "");

    const auto taken = cluster[1].put("10.0.0.1:9000", foreign);
    EXPECT_EQ(taken.status, 200) << taken.body;
    EXPECT_TRUE(eventually([&] { return application.asked() > 0; })) << cluster[1].log();

    // The same directory under a stricter setting: the row stays, but nobody is asked for it.
    cluster[1].process().kill();
    const int before = application.asked();
    cluster[1].start();
    ASSERT_TRUE(eventually(
        [&] {
            const json status = cluster[1].get("/v1/status");
            return status.is_object() && status.at("checks").at("refused") >= 3;
        },
        60s))
        << cluster[1].log();
    EXPECT_LE(application.asked(), before + 1);  // the killed one's last may have come late
    const std::string log = cluster[1].log();
    const auto told = log.find("check_refused");
    EXPECT_NE(told, std::string::npos);
    EXPECT_EQ(log.find("check_refused", told + 1), std::string::npos) << "told twice";
}

TEST(HealthChecks, OfACommandLineRegistration) {
    Application application;
    Cluster cluster(1);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto arguments = [&](const std::string& check) {
        return std::vector<std::string>{"register",
                                        application.address(),
                                        "--app",
                                        "chat",
                                        "--check",
                                        check,
                                        "--check-interval",
                                        "2s",
                                        "--check-timeout",
                                        "1500ms",
                                        "--node",
                                        cluster[0].url()};
    };
    const auto tcp = test::run(arguments("tcp://" + application.address()));
    EXPECT_EQ(tcp.code, 0) << tcp.err;
    EXPECT_EQ(cluster[0].instance(application.address()).at("check"),
              (json{{"tcp", application.address()}, {"interval", "2s"}, {"timeout", "1500ms"}}));
    const std::string url = application.check().at("http");
    EXPECT_EQ(test::run(arguments(url)).code, 0);
    EXPECT_EQ(cluster[0].instance(application.address()).at("check").at("http"), url);
    EXPECT_EQ(test::run(arguments("http://192.0.2.1/")).code, 6);
    EXPECT_EQ(test::run(arguments("https://" + application.address())).code, 2);
}

TEST(HealthChecks, KeepAToyUpThatNeverHeartbeats) {
    Cluster cluster(1);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const std::string address = test::next_address();
    test::Child toy = test::spawn({"toy", "--app", "chat", "--listen", address, "--address",
                                   address, "--check", "--node", cluster[0].url()},
                                  cluster.directory() / "toy.out", cluster.directory() / "toy.err");
    ASSERT_TRUE(eventually([&] {
        const json row = cluster[0].instance(address);
        return row.is_object() && row.at("capacity") == 100;
    })) << test::content_of(cluster.directory() / "toy.err");
    EXPECT_EQ(cluster[0].instance(address).at("check").at("http"),
              "http://" + address + "/health/");
}

}  // namespace
