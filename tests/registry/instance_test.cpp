#include "registry/instance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "gossip/bytes.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using ::testing::AllOf;
using testing::fields_of;
using ::testing::HasSubstr;
using testing::kAlice;
using testing::sample;

TEST(Address, WhatIsAHostWithAnOptionalPortIsAccepted) {
    const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(57, 'd') + ":65535";
    ASSERT_EQ(longest.size(), kMaxAddress);
    for (const std::string& address :
         {std::string("10.0.0.1"), std::string("10.0.0.1:1"), std::string("255.255.255.255:65535"),
          std::string("[::1]:7777"), std::string("[2001:db8::1]"), std::string("::1"),
          std::string("fe80::1:2"), std::string("[::ffff:10.0.0.1]:80"),
          std::string("localhost:80"), std::string("game_server-1.eu.example:7777"),
          std::string("chat-0"), std::string("1password.example"), std::string("a"), longest}) {
        EXPECT_FALSE(check_address(address)) << address << ": " << check_address(address)->message;
    }
}

TEST(Address, AnythingElseIsRefusedWithTheValueAndTheRule) {
    struct Case {
        std::string address;
        std::string rule;
    };
    const std::vector<Case> cases{
        {"", "is empty"},
        {std::string(256, 'a'), "longer than 255 B"},
        {"http://10.0.0.1:80", "has a scheme"},
        {"10.0.0.1:80/chat", "has a path"},
        {"10.0.0.1 :80", "has a space"},
        {"10.0.0.1:0", "port that is not 1..65535"},
        {"10.0.0.1:65536", "port that is not 1..65535"},
        {"10.0.0.1:99999999999", "port that is not 1..65535"},
        {"10.0.0.1:", "port that is not 1..65535"},
        {"10.0.0.1:080", "port that is not 1..65535"},
        {"10.0.0.1:-1", "port that is not 1..65535"},
        {"10.0.0.1:http", "port that is not 1..65535"},
        {"256.0.0.1:80", "no IPv4 address"},
        {"10.0.0:80", "no IPv4 address"},
        {"010.0.0.1", "no IPv4 address"},
        {"1.2.3.4.5", "no IPv4 address"},
        {"::1]:80", "IPv6 with a port wants brackets"},
        {"2001:db8::g", "IPv6 with a port wants brackets"},
        {"[::1", "no IPv6 address in brackets"},
        {"[]:80", "no IPv6 address in brackets"},
        {"[10.0.0.1]:80", "no IPv6 address in brackets"},
        {"[fe80::1%eth0]:80", "no IPv6 address in brackets"},
        {"[::1]80", "behind ']'"},
        {"[::1]:", "port that is not 1..65535"},
        {":80", "is no host"},
        {"-a.example", "is no host"},
        {"a-.example", "is no host"},
        {"a..example", "is no host"},
        {"example.", "is no host"},
        {std::string(64, 'a'), "is no host"},
        {"b\xc3\xbc"
         "cher.example",
         "is no host"},
        {"a\"b", "is no host"},
        {std::string("a\0b", 3), "is no host"},
        {std::string("[::1\0]:80", 9), "no IPv6 address in brackets"},
        {"user@host:80", "is no host"},
    };
    for (const Case& c : cases) {
        const std::optional<Error> error = check_address(c.address);
        ASSERT_TRUE(error) << c.address;
        EXPECT_EQ(error->code, Errc::invalid) << c.address;
        EXPECT_THAT(error->message, HasSubstr(c.rule)) << c.address;
        EXPECT_THAT(error->message, HasSubstr("address \"")) << c.address;
    }
    EXPECT_THAT(check_address("10.0.0.1:0")->message, HasSubstr("10.0.0.1:0"));
}

TEST(Validation, EachRuleNamesTheFieldTheValueAndTheLimit) {
    struct Case {
        std::function<void(Instance&)> spoil;
        Errc code;
        std::vector<std::string> says;
    };
    const std::vector<Case> cases{
        {[](Instance& x) { x.address = "nowhere:0"; }, Errc::invalid, {"nowhere:0", "1..65535"}},
        {[](Instance& x) { x.app_name = ""; }, Errc::invalid, {"app_name", "is empty"}},
        {[](Instance& x) { x.app_name.assign(129, 'a'); }, Errc::invalid, {"129 B", "128 B"}},
        {[](Instance& x) { x.app_name = "a\nb"; }, Errc::invalid, {"a\\nb", "control character"}},
        {[](Instance& x) { x.app_name = "a\x7f"; }, Errc::invalid, {"control character"}},
        {[](Instance& x) { x.app_name = "a\xc2\x85"; }, Errc::invalid, {"control character"}},
        {[](Instance& x) { x.app_name = "a\xff"; }, Errc::invalid, {"app_name", "not UTF-8"}},
        {[](Instance& x) { x.version.assign(65, 'v'); }, Errc::invalid, {"version", "64 B"}},
        {[](Instance& x) { x.version = "v\t1"; }, Errc::invalid, {"version", "control character"}},
        {[](Instance& x) { x.zone.assign(65, 'z'); }, Errc::invalid, {"zone", "65 B", "64 B"}},
        {[](Instance& x) { x.zone = "\xc0\x80"; }, Errc::invalid, {"zone", "not UTF-8"}},
        {[](Instance& x) { x.metadata = "[]"; }, Errc::invalid, {"metadata", "[]", "object"}},
        {[](Instance& x) { x.metadata = "{\"a\":}"; }, Errc::invalid, {"metadata"}},
        {[](Instance& x) { x.metadata = "{\n}"; }, Errc::invalid, {"metadata", "one line"}},
        {[](Instance& x) { x.metadata = "{\"a\":\"" + std::string(1017, 'b') + "\"}"; },
         Errc::too_large,
         {"metadata of 1025 B", "1024 B"}},
        {[](Instance& x) { x.last_update = 1'763'700'000'000; },
         Errc::invalid,
         {"1763700000000", "milliseconds", "divide by 1000"}},
        {[](Instance& x) { x.ttl_s = 0; }, Errc::invalid, {"ttl 0", "1..3600"}},
        {[](Instance& x) { x.ttl_s = 3601; }, Errc::invalid, {"ttl 3601", "1..3600"}},
    };
    for (const Case& c : cases) {
        Instance x = sample();
        c.spoil(x);
        const Result<Instance> result = validated(x);
        ASSERT_FALSE(result) << c.says.front();
        EXPECT_EQ(result.error().code, c.code) << result.error().message;
        for (const std::string& part : c.says) {
            EXPECT_THAT(result.error().message, HasSubstr(part));
        }
    }
}

TEST(Validation, TheLimitsThemselvesAreLegal) {
    Instance x = sample();
    x.app_name.assign(kMaxAppName, 'a');
    x.version.assign(kMaxVersion, 'v');
    x.zone.assign(kMaxZone, 'z');
    x.metadata = "{\"a\":\"" + std::string(kMaxMetadata - 8, 'b') + "\"}";
    x.last_update = kMaxLastUpdate;
    x.ttl_s = kMaxTtl;
    EXPECT_EQ(*validated(x), x);

    Instance least = sample();
    least.app_name = "\xe6\xb5\xb7";
    least.version = least.zone = "";
    least.metadata = "{}";
    least.last_update = 0;
    least.ttl_s = 1;
    EXPECT_EQ(*validated(least), least);
}

TEST(Validation, AnErrorMessageNeverRepeatsALongValueInFull) {
    Instance x = sample();
    x.app_name.assign(1'000'000, 'a');
    EXPECT_LT(validated(x).error().message.size(), 300U);
}

TEST(Change, WhatRoutingDependsOnIsAChangeOfState) {
    const Instance before = sample();
    const std::vector<std::function<void(Instance&)>> state_changes{
        [](Instance& x) { x.app_name = "game"; },
        [](Instance& x) { x.version = "v2"; },
        [](Instance& x) { x.incarnation = 8; },
        [](Instance& x) { x.phase = Phase::stopping; },
        [](Instance& x) { x.ready_to_close = true; },
        [](Instance& x) { x.sessions = 0; },
        [](Instance& x) { x.sessions = x.capacity; },
        [](Instance& x) { x.capacity = x.sessions; },
    };
    for (std::size_t i = 0; i < state_changes.size(); ++i) {
        Instance after = before;
        state_changes[i](after);
        EXPECT_EQ(change(before, after), Change::state) << i;
        EXPECT_EQ(change(after, before), Change::state) << i;
    }
}

TEST(Change, OtherContentMayWaitAndAHeartbeatIsNoChange) {
    const Instance before = sample();
    const std::vector<std::function<void(Instance&)>> content_changes{
        [](Instance& x) { x.sessions = 13; }, [](Instance& x) { x.capacity = 50; },
        [](Instance& x) { x.capacity = 0; },  // unlimited is not full
        [](Instance& x) { x.zone = "eu-2"; }, [](Instance& x) { x.metadata = "{}"; },
        [](Instance& x) { x.ttl_s = 31; },
    };
    for (std::size_t i = 0; i < content_changes.size(); ++i) {
        Instance after = before;
        content_changes[i](after);
        EXPECT_EQ(change(before, after), Change::content) << i;
    }
    Instance heartbeat = before;
    heartbeat.last_update += 10;
    heartbeat.owner = testing::kBob;
    EXPECT_EQ(change(before, heartbeat), Change::none);
}

TEST(Names, RoundTripAndRefuseOthers) {
    for (std::size_t i = 0; i < kStates; ++i) {
        const auto state = static_cast<State>(i);
        EXPECT_EQ(state_of(name(state)), state);
    }
    for (std::size_t i = 0; i < 4; ++i) {
        const auto phase = static_cast<Phase>(i);
        EXPECT_EQ(phase_of(name(phase)), phase);
    }
    EXPECT_EQ(name(State::unreachable), "unreachable");
    EXPECT_EQ(name(Phase::stopping), "stopping");
    EXPECT_FALSE(state_of("Up"));
    EXPECT_FALSE(phase_of(""));
}

// The exact bytes: a change of them needs a new codec number, because nodes of two releases live
// side by side.
TEST(Codec, WritesTheBytesOfItsFirstRelease) {
    const gossip::LocalWrite write = encode(sample());
    EXPECT_EQ(write.kind, gossip::RecordKind::instance);
    EXPECT_EQ(write.key, "10.0.0.1:7777");
    EXPECT_EQ(write.last_update, 1'763'700'000U);
    EXPECT_EQ(write.ttl_s, 30U);
    EXPECT_FALSE(write.tombstone);
    EXPECT_TRUE(write.timed_by_application);
    using namespace std::string_literals;
    EXPECT_EQ(write.value,
              "\x01\x04"s
              "chat"
              "\x02"s
              "v1"
              "\x07\x01\x28\x0c\x00\x04"s
              "eu-1"
              "\x0f"s
              "{\"build\":\"abc\"}");
}

TEST(Codec, IgnoresWhatALaterReleaseAppends) {
    gossip::LocalWrite write = encode(sample());
    write.value += "\x09later fields \xff";
    EXPECT_EQ(*decode(fields_of(write)), sample());
}

TEST(Codec, KeepsWhatTheRolloutSaysOfAnInstance) {
    for (const bool checked : {false, true}) {
        Instance x = sample();
        if (checked) x.check = Check{Check::Kind::tcp, "10.0.0.1:9000", 5'000, 1'000};
        for (const std::uint64_t epoch : {std::uint64_t{1}, UINT64_MAX}) {
            x.protocol = static_cast<std::uint32_t>(epoch);
            x.acked_epoch = epoch;
            x.closed_epoch = epoch - 1;
            EXPECT_EQ(*decode(fields_of(encode(x))), x);
        }
    }
}

TEST(Life, MovesForwardOnlyWithinAnIncarnation) {
    Instance before = sample();
    before.phase = Phase::stopping;
    before.closed_epoch = 9;
    before.acked_epoch = 8;
    Instance again = sample();
    continue_life(before, again);
    EXPECT_EQ(again.phase, Phase::stopping);
    EXPECT_EQ(again.closed_epoch, 9U);
    EXPECT_EQ(again.acked_epoch, 8U);
    Instance restarted = sample();
    restarted.incarnation = 8;
    continue_life(before, restarted);
    EXPECT_EQ(restarted.phase, Phase::running);
    EXPECT_EQ(restarted.closed_epoch, 0U);
}

TEST(Codec, RefusesEveryPrefixOfAValue) {
    const gossip::LocalWrite write = encode(sample());
    for (std::size_t size = 0; size < write.value.size(); ++size) {
        gossip::RecordFields fields = fields_of(write);
        fields.value = std::string_view{write.value}.substr(0, size);
        const Result<Instance> result = decode(fields);
        ASSERT_FALSE(result) << size;
        EXPECT_THAT(result.error().message, HasSubstr("10.0.0.1:7777"));
    }
}

TEST(Codec, RefusesALaterIncompatibleCodec) {
    gossip::LocalWrite write = encode(sample());
    write.value[0] = 2;
    EXPECT_THAT(decode(fields_of(write)).error().message,
                AllOf(HasSubstr("codec 2"), HasSubstr("1")));
}

// What is decoded is copied verbatim into JSON that everybody reads.
TEST(Codec, RefusesFromPeersWhatItWouldRefuseFromApplications) {
    const std::vector<std::function<void(Instance&)>> spoils{
        [](Instance& x) { x.address = "a\"b"; },
        [](Instance& x) { x.app_name = ""; },
        [](Instance& x) { x.app_name = "\xff"; },
        [](Instance& x) { x.version = "\n"; },
        [](Instance& x) { x.zone = "\x1b[2J"; },
        [](Instance& x) { x.metadata = "{}, \"x\": {}"; },
        [](Instance& x) { x.metadata = "1"; },
        [](Instance& x) { x.metadata = std::string(100, '['); },
        [](Instance& x) { x.phase = static_cast<Phase>(4); },
    };
    for (std::size_t i = 0; i < spoils.size(); ++i) {
        Instance x = sample();
        spoils[i](x);
        EXPECT_FALSE(decode(fields_of(encode(x)))) << i;
    }
}

TEST(Codec, RefusesNumbersThatDoNotFit) {
    std::string value;
    gossip::Writer w{value};
    w.u8(1);
    w.text("chat");
    w.text("");
    w.varint(0);
    w.u8(1);
    w.varint(std::uint64_t{1} << 32);  // capacity
    w.varint(0);
    w.u8(0);
    w.text("");
    w.text("");
    gossip::RecordFields fields;
    fields.key = "10.0.0.1";
    fields.value = value;
    EXPECT_FALSE(decode(fields));
}

}  // namespace
}  // namespace registry
