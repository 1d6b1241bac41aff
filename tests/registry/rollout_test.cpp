#include "registry/rollout.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "registry/rollout_json.h"
#include "tests/registry/samples.h"

// Commands of operators: what they make of what is there, and their bodies.

namespace registry {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Kind = RolloutCommand::Kind;
using testing::facts;

AppRow row(std::vector<VersionFacts> versions, App app = {}) {
    AppRow r;
    r.app = std::move(app);
    r.app.name = "chat";
    r.epoch = r.app.rollout == Rollout{} ? 0 : 77;
    r.versions = std::move(versions);
    r.plan = make_plan(r.epoch ? &r.app : nullptr, r.epoch, r.versions);
    return r;
}

std::vector<VersionFacts> two() {
    return {facts("v1", 10, 2, 5), facts("v2", 20, 1)};
}

RolloutCommand command(Kind kind, std::string version = "") {
    RolloutCommand c;
    c.kind = kind;
    c.version = std::move(version);
    return c;
}

std::string weights(const Result<App>& app) {
    if (!app) return app.error().message;
    std::string text;
    for (const Weight& w : app->rollout.weights) {
        if (!text.empty()) text += " ";
        text += w.version + ":" + std::to_string(w.parts);
    }
    for (const std::string& version : app->rollout.quarantine) text += " !" + version;
    return text;
}

TEST(Commands, PromoteGivesEverythingToOneVersion) {
    const auto app = decide(row(two()), command(Kind::promote, "v1"));
    EXPECT_EQ(weights(app), "v1:100");
    EXPECT_EQ(app->rollout.previous, (std::vector<Weight>{{"v2", 100}})) << "who accepted before";
    EXPECT_EQ(app->parent, 0U);
    EXPECT_EQ(decide(row(two(), *app), command(Kind::promote, "v2"))->parent, 77U);
}

TEST(Commands, AVersionNobodyHasSeenIsProbablyAMistake) {
    EXPECT_THAT(weights(decide(row(two()), command(Kind::promote, "v3"))),
                HasSubstr("no instance of version \"v3\" of \"chat\" is known; known: \"v1\""));
    RolloutCommand forced = command(Kind::promote, "v3");
    forced.force = true;
    EXPECT_EQ(weights(decide(row(two()), forced)), "v3:100");
}

TEST(Commands, ARollbackGoesWhereTheLastDecisionCameFrom) {
    const auto second = decide(row(two()), command(Kind::promote, "v1"));
    EXPECT_EQ(weights(decide(row(two(), *second), command(Kind::rollback))), "v2:100");
    EXPECT_EQ(weights(decide(row(two()), command(Kind::rollback))), "v1:100")
        << "nobody has decided: the version before";
    EXPECT_EQ(weights(decide(row(two()), command(Kind::rollback, "v1"))), "v1:100");
    EXPECT_THAT(weights(decide(row({facts("v1", 10, 1)}), command(Kind::rollback))),
                HasSubstr("no earlier version"));
    // There and back again.
    App split;
    split.rollout.weights = {{"v1", 80}, {"v2", 20}};
    const auto all = decide(row(two(), split), command(Kind::promote, "v2"));
    const auto back = decide(row(two(), *all), command(Kind::rollback));
    EXPECT_EQ(weights(back), "v1:80 v2:20");
    EXPECT_EQ(weights(decide(row(two(), *back), command(Kind::rollback))), "v2:100");
}

TEST(Commands, APausePinsWhatAcceptsNow) {
    const auto paused = decide(row(two()), command(Kind::pause));
    EXPECT_EQ(weights(paused), "v2:100");
    EXPECT_TRUE(paused->rollout.paused);
    EXPECT_FALSE(decide(row(two(), *paused), command(Kind::resume))->rollout.paused);
}

TEST(Commands, QuarantineTakesAVersionOutUntilItIsReleased) {
    App split;
    split.rollout.weights = {{"v1", 80}, {"v2", 20}};
    const auto out = decide(row(two(), split), command(Kind::quarantine, "v2"));
    EXPECT_EQ(weights(out), "v1:80 !v2");
    EXPECT_EQ(weights(decide(row(two(), *out), command(Kind::release, "v2"))), "v1:80");
    EXPECT_EQ(weights(decide(row(two(), *out), command(Kind::promote, "v2"))), "v2:100")
        << "to promote it releases it";
    EXPECT_THAT(weights(decide(row(two(), *out), command(Kind::release, "v1"))),
                HasSubstr("not in quarantine"));
}

TEST(Commands, ADrainTakesAVersionOutAndSaysWhenItEnds) {
    RolloutCommand drain = command(Kind::drain, "v2");
    EXPECT_EQ(decide(row(two()), command(Kind::drain, "v9")).error().code, Errc::not_found);
    EXPECT_EQ(decide(row(two()), command(Kind::drain)).error().code, Errc::invalid);
    const auto out = decide(row(two()), drain);
    ASSERT_TRUE(out.has_value()) << out.error().message;
    EXPECT_TRUE(out->rollout.quarantined("v2"));
    EXPECT_EQ(out->rollout.drain_deadline, 0U) << "as it was";
    drain.version.clear();
    drain.deadline = 5000;
    drain.notify_at = 4000;
    drain.hard = true;
    const auto soon = decide(row(two()), drain);
    ASSERT_TRUE(soon.has_value());
    EXPECT_TRUE(soon->rollout.quarantine.empty());
    EXPECT_EQ(soon->rollout.drain_deadline, 5000U);
    EXPECT_EQ(soon->rollout.notify_at, 4000U);
    EXPECT_TRUE(soon->rollout.hard);
}

TEST(Bodies, OfADrainCountFromNow) {
    const auto parsed = parse_command(
        Kind::drain, R"({"version":"v1","within":"30m","notify_in":"90s","hard":true})", 1000);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(parsed->deadline, 1000U + 1800U);
    EXPECT_EQ(parsed->notify_at, 1090U);
    EXPECT_TRUE(parsed->hard);
    EXPECT_EQ(parse_command(Kind::drain, R"({"within":"never"})", 1000)->deadline, 0U);
    const auto complaint = [](Kind kind, const char* body) {
        return parse_command(kind, body, 1000).error().message;
    };
    EXPECT_THAT(complaint(Kind::drain, R"({"hard":true})"), HasSubstr("'within' is missing"));
    EXPECT_THAT(complaint(Kind::drain, R"({"within":"soon"})"), HasSubstr("within: "));
    EXPECT_THAT(complaint(Kind::promote, R"({"version":"v1","within":"1s"})"),
                HasSubstr("for drain, not for promote"));
}

TEST(Commands, AVersionIsForgottenOnlyWhenNobodyNeedsIt) {
    const auto why = [](const std::vector<VersionFacts>& versions, std::string_view version) {
        const auto app = without_version(row(versions), version);
        return app ? std::string{"gone"} : app.error().message;
    };
    EXPECT_THAT(why(two(), "v2"), HasSubstr("accepts new clients"));
    EXPECT_THAT(why(two(), "v1"), HasSubstr("still has 5 sessions"));
    EXPECT_THAT(why({facts("v1", 10, 1), facts("v2", 20, 1)}, "v1"), HasSubstr("1 live instances"));
    EXPECT_EQ(why({facts("v1", 10, 0), facts("v2", 20, 1)}, "v1"), "gone");
    EXPECT_THAT(why(two(), "v9"), HasSubstr("known: \"v1\", \"v2\""));
}

TEST(Commands, APreviewIsThePlanAsItWouldBe) {
    const AppRow now = row(two());
    const auto app = decide(now, command(Kind::promote, "v1"));
    const Plan plan = preview(now, *app);
    EXPECT_EQ(plan.find("v1")->role, Role::accepting);
    EXPECT_EQ(plan.find("v2")->role, Role::warm);
    EXPECT_EQ(now.plan.find("v2")->role, Role::accepting);
}

// ---- bodies

TEST(Bodies, OfAnAppRoundTrip) {
    App app;
    app.rollout.weights = {{"v1", 80}, {"v2", 20}};
    app.rollout.quarantine = {"v0"};
    app.rollout.drain_deadline = 1'763'700'000;
    app.rollout.hard = true;
    app.rollout.hold = 4;
    app.policy.pick = Pick::packed;
    app.policy.on_full = OnFull::older;
    app.policy.backup = "10.0.0.9:1";
    app.author = "ann";
    const AppRow r = row(two(), app);
    std::string text;
    append_app(text, r);
    const json j = json::parse(text);
    const json body{{"rollout", j["rollout"]}, {"policy", j["policy"]}, {"author", j["author"]}};
    const auto back = parse_app("chat", body.dump());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, r.app);
    EXPECT_EQ(j["epoch"], "77");
    EXPECT_EQ(j["versions"][0]["version"], "v2");
    EXPECT_EQ(j["versions"][0]["role"], "accepting");
    EXPECT_EQ(j["versions"][0]["share_permille"], 200);
    EXPECT_EQ(j["versions"][1]["sessions"], 5);
    EXPECT_EQ(j["plan"].get<std::string>().size(), 16U);
}

TEST(Bodies, MistakesAreNamed) {
    const auto app = [](const char* body) { return parse_app("chat", body).error().message; };
    EXPECT_THAT(app(R"({"rollouts": {}})"), HasSubstr("unknown field \"rollouts\""));
    EXPECT_THAT(app(R"({"rollout": {"weight": 1}})"), HasSubstr("unknown field \"weight\""));
    EXPECT_THAT(app(R"({"rollout": {"weights": ["v1"]}})"), HasSubstr("must be an object"));
    EXPECT_THAT(app(R"({"rollout": {"weights": {"v1": -1}}})"), HasSubstr("must be an integer"));
    EXPECT_THAT(app(R"({"policy": {"pick": "best"}})"), HasSubstr("must be spread or packed"));
    EXPECT_THAT(app("[]"), HasSubstr("JSON object"));
    const auto command = [](Kind kind, const char* body) {
        return parse_command(kind, body, 1000).error().message;
    };
    EXPECT_THAT(command(Kind::promote, ""), HasSubstr("'version' is missing"));
    EXPECT_THAT(command(Kind::split, "{}"), HasSubstr("'weights' is missing"));
    EXPECT_THAT(command(Kind::promote, R"({"version":"v1","weights":{}})"), HasSubstr("for split"));
    EXPECT_TRUE(parse_command(Kind::rollback, "", 1000));
    EXPECT_TRUE(parse_command(Kind::pause, R"({"author":"ann"})", 1000));
}

TEST(Bodies, OfServersAreReadAsTheyAreSaid) {
    const auto beat = parse_heartbeat(
        R"({"sessions":3,"resuming":2,"seq":"18446744073709551615","ready_to_close":true,)"
        R"("acked_epoch":"9","incarnation":7})");
    ASSERT_TRUE(beat) << beat.error().message;
    EXPECT_EQ(beat->sessions, 3U);
    EXPECT_EQ(beat->resuming, 2U);
    EXPECT_EQ(beat->seq, UINT64_MAX);
    EXPECT_EQ(beat->ready_to_close, true);
    EXPECT_EQ(beat->acked_epoch, 9U);
    EXPECT_EQ(beat->incarnation, 7U);
    EXPECT_FALSE(parse_heartbeat("")->sessions) << "only a sign of life";
    EXPECT_THAT(parse_heartbeat(R"({"resuming":1})").error().message,
                HasSubstr("without sessions"));
    EXPECT_THAT(parse_heartbeat(R"({"seq":"x"})").error().message, HasSubstr("digits"));
    EXPECT_THAT(parse_heartbeat(R"({"seq":""})").error().message, HasSubstr("digits"));
    EXPECT_EQ(parse_redeem(R"({"ticket":"abc","session":"s"})")->token, "abc");
    EXPECT_THAT(parse_redeem("{}").error().message, HasSubstr("'ticket' is missing"));
    EXPECT_THAT(parse_redeem(R"({"ticket":"a","token":"b"})").error().message,
                HasSubstr("not both"));
}

}  // namespace
}  // namespace registry
