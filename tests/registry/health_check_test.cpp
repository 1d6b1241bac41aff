#include "registry/health_check.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "registry/json.h"
#include "registry/row.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using nlohmann::json;
using testing::fields_of;
using ::testing::HasSubstr;
using testing::kAlice;
using testing::sample;

Check http(std::string url = "http://10.0.0.1:9000/health/") {
    return {Check::Kind::http, std::move(url), 5'000, 1'000};
}

Instance checked(Check check = http()) {
    Instance x = sample();
    x.ttl_s = 60;
    x.check = std::move(check);
    return x;
}

Result<Instance> parsed(const json& body, Dialect dialect = Dialect::v1) {
    json whole = {{"address", "10.0.0.1:7777"}, {"app_name", "chat"}, {"last_update", 5}};
    whole.update(body);
    return parse_instance(whole.dump(), {.dialect = dialect});
}

std::string refusal(const json& check, Dialect dialect = Dialect::v1) {
    const auto instance = parsed({{"check", check}}, dialect);
    return instance ? "" : instance.error().message;
}

TEST(HealthCheck, KnowsWhereATargetGoes) {
    using Kind = Check::Kind;
    const std::vector<std::tuple<Kind, std::string, CheckTarget>> cases{
        {Kind::http, "http://127.0.0.1:9000/health/", {"127.0.0.1", 9000, "/health/"}},
        {Kind::http, "http://Example.org", {"Example.org", 80, "/"}},
        {Kind::http, "http://a:1?deep=1", {"a", 1, "/?deep=1"}},
        {Kind::http, "http://[::1]:9000/x?y=z:1/2", {"::1", 9000, "/x?y=z:1/2"}},
        {Kind::http, "http://[fd00::7]", {"fd00::7", 80, "/"}},
        {Kind::tcp, "10.0.0.1:22", {"10.0.0.1", 22, ""}},
        {Kind::tcp, "[::1]:22", {"::1", 22, ""}},
    };
    for (const auto& [kind, text, expected] : cases) {
        const auto target = parse_target(kind, text);
        ASSERT_TRUE(target) << text << target.error().message;
        EXPECT_EQ(*target, expected) << text;
    }
}

TEST(HealthCheck, RefusesATargetThatIsNoneAndSaysWhy) {
    using Kind = Check::Kind;
    const std::vector<std::tuple<Kind, std::string, std::string>> cases{
        {Kind::http, "", "no http:// URL"},
        {Kind::http, "10.0.0.1:9000", "no http:// URL"},
        {Kind::http, "https://a/", "certificate"},
        {Kind::http, "ftp://a/", "no http:// URL"},
        {Kind::http, "http://", "is empty"},
        {Kind::http, "http:///path", "is empty"},
        {Kind::http, "http://a:0/", "port"},
        {Kind::http, "http://a:65536/", "port"},
        {Kind::http, "http://user:secret@a/", "no host[:port]"},
        {Kind::http, "http://a@b/", "no host[:port]"},
        {Kind::http, "http://::1/", "no host[:port]"},  // no brackets
        {Kind::http, "http://1.2.3/", "no IPv4"},
        {Kind::http, "http://a/#part", "fragment"},
        {Kind::http, "http://a/b c", "a space"},
        {Kind::http, "http://a/\r\nX: y", "a space"},
        {Kind::http, "http://a/\x7f", "a space"},
        {Kind::http, "http://\xc3\xa4/", "ASCII"},
        {Kind::http, "http://a/" + std::string(kMaxCheckTarget, 'x'), "256 B"},
        {Kind::tcp, "a", "no port"},
        {Kind::tcp, "::1", "no port"},
        {Kind::tcp, "http://a:1/", "scheme"},
        {Kind::tcp, "a:1/path", "path"},
    };
    for (const auto& [kind, text, why] : cases) {
        const auto target = parse_target(kind, text);
        ASSERT_FALSE(target) << text;
        EXPECT_THAT(target.error().message, HasSubstr(why)) << text;
    }
}

TEST(HealthCheck, KnowsTheHostOfAnAddress) {
    EXPECT_EQ(host_of("10.0.0.1:7777"), "10.0.0.1");
    EXPECT_EQ(host_of("a.example"), "a.example");
    EXPECT_EQ(host_of("[::1]:7"), "::1");
    EXPECT_EQ(host_of("[::1]"), "::1");
    EXPECT_EQ(host_of("fd00::7"), "fd00::7");
}

TEST(HealthCheck, IsReadFromABodyOfEitherDialect) {
    const json body = {
        {"check",
         {{"http", "http://10.0.0.1:9000/health/"}, {"interval", "2s"}, {"timeout", "500ms"}}}};
    for (const Dialect dialect : {Dialect::v1, Dialect::legacy}) {
        const auto instance = parsed(body, dialect);
        ASSERT_TRUE(instance) << instance.error().message;
        const Check expected{Check::Kind::http, "http://10.0.0.1:9000/health/", 2'000, 500};
        EXPECT_EQ(instance->check, expected);
    }
    const auto plain = parsed({{"check", {{"tcp", "10.0.0.1:9000"}}}});
    ASSERT_TRUE(plain) << plain.error().message;
    const Check expected{Check::Kind::tcp, "10.0.0.1:9000", 5'000, 1'000};
    EXPECT_EQ(plain->check, expected);
    EXPECT_FALSE(parsed(json::object())->check);
}

TEST(HealthCheck, IsRefusedWithAReason) {
    const std::string url = "http://10.0.0.1/";
    const std::vector<std::pair<json, std::string>> cases{
        {nullptr, "must be an object"},
        {url, "must be an object"},
        {json::array(), "must be an object"},
        {json::object(), "nothing to ask"},
        {{{"interval", "5s"}}, "nothing to ask"},
        {{{"http", url}, {"tcp", "10.0.0.1:1"}}, "both"},
        {{{"http", 7}}, "a string"},
        {{{"http", "https://10.0.0.1/"}}, "certificate"},
        {{{"http", url}, {"intervall", "5s"}}, "unknown field"},
        {{{"https", url}}, "unknown field"},
        {{{"http", url}, {"interval", 5}}, "duration"},
        {{{"http", url}, {"interval", "5"}}, "duration"},
        {{{"http", url}, {"interval", "999ms"}}, "from 1s to 10m"},
        {{{"http", url}, {"interval", "601s"}}, "10m"},
        {{{"http", url}, {"interval", "4000000h"}}, "10m"},
        {{{"http", url}, {"interval", "-5s"}}, "duration"},
        {{{"http", url}, {"timeout", "99ms"}}, "from 100ms to its interval"},
        {{{"http", url}, {"interval", "1s"}, {"timeout", "1001ms"}}, "to its interval, 1s"},
    };
    for (const auto& [check, why] : cases) {
        EXPECT_THAT(refusal(check), HasSubstr(why)) << check.dump();
    }
    // The old door ignores what it does not know, but never what it does.
    EXPECT_EQ(refusal({{"http", url}, {"colour", "red"}}, Dialect::legacy), "");
    EXPECT_THAT(refusal({{"https", url}}, Dialect::legacy), HasSubstr("nothing to ask"));
    EXPECT_THAT(refusal({{"http", 7}}, Dialect::legacy), HasSubstr("a string"));
}

TEST(HealthCheck, GetsALeaseThatOutlivesThreeMisses) {
    const auto ttl = [](const std::string& interval, const json& more = json::object()) {
        json body = {{"check", {{"tcp", "10.0.0.1:1"}, {"interval", interval}}}};
        body.update(more);
        const auto instance = parsed(body);
        return instance ? instance->ttl_s : 0;
    };
    EXPECT_EQ(ttl("1s"), 30U);
    EXPECT_EQ(ttl("10s"), 41U);
    EXPECT_EQ(ttl("10m"), 2'401U);
    EXPECT_EQ(ttl("10m", {{"ttl", 1'801}}), 1'801U);
    EXPECT_EQ(ttl("5s", {{"ttl", 16}}), 16U);
    const auto tight = parsed({{"ttl", 15}, {"check", {{"tcp", "10.0.0.1:1"}}}});
    ASSERT_FALSE(tight);
    EXPECT_THAT(tight.error().message, HasSubstr("at least 16"));
}

TEST(HealthCheck, IsContentOfAnInstance) {
    const Instance with = checked();
    Instance without = with;
    without.check.reset();
    Instance slower = with;
    slower.check->interval_ms = 6'000;
    EXPECT_EQ(change(with, with), Change::none);
    EXPECT_EQ(change(with, without), Change::content);
    EXPECT_EQ(change(without, with), Change::content);
    EXPECT_EQ(change(with, slower), Change::content);
}

TEST(HealthCheck, IsShownInTheRowOfAnInstanceThatHasOne) {
    const Row row(checked(), {}, State::up, false, 6);
    const json shown = json::parse(row.fragment());
    EXPECT_EQ(shown.at("check"), json::parse(R"({"http":"http://10.0.0.1:9000/health/",
                                                 "interval":"5s","timeout":"1s"})"));
    const Row plain(sample(), {}, State::up, false, 6);
    EXPECT_FALSE(json::parse(plain.fragment()).contains("check"));
    // What is shown can be registered again.
    EXPECT_EQ(parsed({{"check", shown.at("check")}})->check, checked().check);
}

TEST(HealthCheck, QuotesInATargetDoNotEndTheJson) {
    const Row row(checked(http("http://10.0.0.1/\"\\")), {}, State::up, false, 6);
    EXPECT_EQ(json::parse(row.fragment()).at("check").at("http"), "http://10.0.0.1/\"\\");
}

// The exact bytes: nodes of several releases live side by side.
TEST(HealthCheckCodec, AddsToTheBytesOfTheFirstRelease) {
    using namespace std::string_literals;
    Instance x = checked({Check::Kind::tcp, "10.0.0.1:9000", 5'000, 300});
    const std::string value = encode(x).value;
    x.check.reset();
    EXPECT_EQ(value, encode(x).value +
                         "\x02\x0d"s
                         "10.0.0.1:9000"
                         "\x88\x27\xac\x02"s);
}

TEST(HealthCheckCodec, ReadsWhatItWrote) {
    for (const Check& check : {http(), Check{Check::Kind::tcp, "[::1]:1", 600'000, 100}}) {
        const gossip::LocalWrite write = encode(checked(check));
        const auto back = decode(fields_of(write));
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(*back, checked(check));
        EXPECT_EQ(decode_check(fields_of(write)), check);
    }
    EXPECT_FALSE(decode_check(fields_of(encode(sample()))));
}

TEST(HealthCheckCodec, RefusesAValueThatEndsWithinTheCheck) {
    const gossip::LocalWrite with = encode(checked());
    Instance plain = checked();
    plain.check.reset();
    for (std::size_t size = encode(plain).value.size() + 1; size < with.value.size(); ++size) {
        gossip::RecordFields fields = fields_of(with);
        fields.value = std::string_view{with.value}.substr(0, size);
        EXPECT_FALSE(decode(fields)) << size;
        EXPECT_FALSE(decode_check(fields)) << size;
    }
}

TEST(HealthCheckCodec, LeavesAKindItDoesNotKnowToALaterRelease) {
    for (const char kind : {'\x03', '\xff'}) {
        gossip::LocalWrite write = encode(sample());
        write.value += kind;
        write.value += "whatever a later release means by it";
        const auto back = decode(fields_of(write));
        ASSERT_TRUE(back);
        EXPECT_EQ(*back, sample());
        EXPECT_FALSE(decode_check(fields_of(write)));
    }
    Instance whole = checked();
    whole.protocol = 3;
    whole.acked_epoch = 1ULL << 60;
    whole.closed_epoch = 5;
    gossip::LocalWrite write = encode(whole);
    write.value += "later fields \xff";
    EXPECT_EQ(*decode(fields_of(write)), whole);
}

TEST(HealthCheckCodec, RefusesFromPeersATargetThatNoApplicationCouldGive) {
    for (const std::string target : {"", "http://a/\r\n", "file:///etc/passwd", "http://a b/"}) {
        EXPECT_FALSE(decode(fields_of(encode(checked(http(target)))))) << target;
    }
    Check endless = http();
    endless.interval_ms = 0;
    EXPECT_FALSE(decode(fields_of(encode(checked(endless)))));
}

}  // namespace
}  // namespace registry
