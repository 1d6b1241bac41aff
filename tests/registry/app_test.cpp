#include "registry/app.h"

#include <gmock/gmock.h>

#include "gossip/bytes.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using testing::fields_of;
using ::testing::HasSubstr;

App sample_app() {
    App app;
    app.name = "chat";
    app.parent = 0x1234567890ab;
    app.author = "ann at node-1";
    app.rollout.weights = {{"v1", 80}, {"v2", 20}};
    app.rollout.previous = {{"v1", 1}};
    app.rollout.quarantine = {"v0"};
    app.rollout.notify_at = 1'763'700'000;
    app.rollout.drain_deadline = 1'763'800'000;
    app.rollout.hard = true;
    app.rollout.paused = true;
    app.rollout.hold = 3;
    app.rollout.min_ready = 2;
    app.policy.pick = Pick::packed;
    app.policy.on_full = OnFull::older;
    app.policy.ticket_ttl_s = 15;
    app.policy.resume_ttl_s = 600;
    app.policy.backup = "10.0.0.9:7777";
    return app;
}

gossip::RecordFields app_fields(const gossip::LocalWrite& write) {
    gossip::RecordFields fields = fields_of(write);
    return fields;
}

TEST(AppCodec, RoundTrips) {
    App plain;
    plain.name = "a";
    for (const App& app : {sample_app(), plain}) {
        const gossip::LocalWrite write = encode(app);
        EXPECT_EQ(write.kind, gossip::RecordKind::app);
        EXPECT_EQ(write.key, app.name);
        EXPECT_FALSE(write.timed_by_application);
        EXPECT_EQ(*decode_app(app_fields(write)), app);
        EXPECT_TRUE(validated(app)) << app.name;
    }
}

TEST(AppCodec, IsTotalAndIgnoresWhatALaterReleaseAppends) {
    gossip::LocalWrite write = encode(sample_app());
    const std::string whole = write.value;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        write.value = whole.substr(0, size);
        EXPECT_FALSE(decode_app(app_fields(write))) << size;
    }
    write.value = whole + "more";
    EXPECT_EQ(*decode_app(app_fields(write)), sample_app());
    write.value = whole;
    write.value[0] = 2;
    EXPECT_FALSE(decode_app(app_fields(write)));
}

TEST(AppRules, NameTheValueAndTheRule) {
    const auto refusal = [](auto change) {
        App app = sample_app();
        change(app);
        const auto result = validated(app);
        return result ? std::string{"accepted"} : result.error().message;
    };
    EXPECT_THAT(refusal([](App& a) { a.rollout.weights[0].parts = 0; }),
                HasSubstr("weight of \"v1\" 0 is not within 1..10000"));
    EXPECT_THAT(refusal([](App& a) { a.rollout.weights[1].version = "v1"; }),
                HasSubstr("\"v1\" appears twice"));
    EXPECT_THAT(refusal([](App& a) {
                    a.rollout.weights.resize(9, {"v3", 1});
                }),
                HasSubstr("9 versions with a weight; at most 8"));
    EXPECT_THAT(refusal([](App& a) { a.rollout.quarantine = {"v1"}; }),
                HasSubstr("\"v1\" has a weight and is in quarantine"));
    EXPECT_THAT(refusal([](App& a) { a.rollout.drain_deadline = 0; }),
                HasSubstr("hard without a drain_deadline"));
    EXPECT_THAT(refusal([](App& a) { a.rollout.notify_at = 1'763'700'000'000; }),
                HasSubstr("divide by 1000"));
    EXPECT_THAT(refusal([](App& a) { a.rollout.min_ready = 0; }), HasSubstr("min_ready 0"));
    EXPECT_THAT(refusal([](App& a) { a.policy.ticket_ttl_s = 1; }),
                HasSubstr("ticket_ttl 1 is not within 5..300"));
    EXPECT_THAT(refusal([](App& a) { a.policy.resume_ttl_s = 0; }), HasSubstr("resume_ttl 0"));
    EXPECT_THAT(refusal([](App& a) { a.policy.backup = "http://x"; }), HasSubstr("scheme"));
    EXPECT_THAT(refusal([](App& a) { a.name.clear(); }), HasSubstr("app_name \"\" is empty"));
}

TEST(BirthCodec, RoundTripsAndRefusesOtherKeys) {
    const Birth birth{"chat", "v1", 1'763'700'000'123};
    gossip::LocalWrite write = encode(birth);
    EXPECT_EQ(write.kind, gossip::RecordKind::version);
    EXPECT_EQ(*decode_birth(app_fields(write)), birth);
    EXPECT_EQ(*decode_birth(app_fields(encode(Birth{"chat", "", 5}))), (Birth{"chat", "", 5}));
    write.key = "chat";
    EXPECT_FALSE(decode_birth(app_fields(write)));
    write.key = "\nv1";
    EXPECT_FALSE(decode_birth(app_fields(write)));
    write = encode(birth);
    write.value.resize(1);
    EXPECT_FALSE(decode_birth(app_fields(write)));
}

}  // namespace
}  // namespace registry
