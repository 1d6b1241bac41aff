#include "registry/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "tests/registry/samples.h"

namespace registry {
namespace {

using ::testing::HasSubstr;
using testing::sample;

constexpr ParseOptions kV1{Dialect::v1, std::nullopt, 1'763'700'123};
constexpr ParseOptions kLegacy{Dialect::legacy, std::nullopt, 0};

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

TEST(ParseInstance, ReadsEveryField) {
    const Result<Instance> x = parse_instance(
        R"({"address": "10.0.0.1:7777", "app_name": "chat", "version": "v1", "incarnation": 7,
            "phase": "running", "capacity": 40, "sessions": 12, "ready_to_close": false,
            "zone": "eu-1", "metadata": {"build": "abc"}, "last_update": 1763700000, "ttl": 30})",
        kV1);
    ASSERT_TRUE(x) << x.error().message;
    Instance expected = sample();
    expected.owner = {};
    EXPECT_EQ(*x, expected);
}

TEST(ParseInstance, WhatIsLeftOutHasItsDefault) {
    const Result<Instance> x = parse_instance(R"({"address":"a","app_name":"b"})", kV1);
    ASSERT_TRUE(x) << x.error().message;
    Instance expected;
    expected.address = "a";
    expected.app_name = "b";
    expected.last_update = 1'763'700'123;
    EXPECT_EQ(*x, expected);
    EXPECT_EQ(x->phase, Phase::running);
    EXPECT_EQ(x->ttl_s, 30U);
    EXPECT_EQ(x->metadata, "{}");
}

TEST(ParseInstance, ReadsTheBodyThatSeedApplicationsPost) {
    const Result<Instance> x = parse_instance(
        R"({"address": "192.168.1.5", "app_name": "chat", "last_update": 0, "extra": [1, {}]})",
        kLegacy);
    ASSERT_TRUE(x) << x.error().message;
    EXPECT_EQ(x->address, "192.168.1.5");
    EXPECT_EQ(x->last_update, 0U);
}

TEST(ParseInstance, TheAddressMayComeFromThePath) {
    ParseOptions options = kV1;
    options.address = "10.0.0.1:7777";
    EXPECT_EQ(parse_instance(R"({"app_name":"chat"})", options)->address, "10.0.0.1:7777");
    EXPECT_TRUE(parse_instance(R"({"address":"10.0.0.1:7777","app_name":"chat"})", options));
    const auto other = parse_instance(R"({"address":"10.0.0.2:7777","app_name":"chat"})", options);
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().message, HasSubstr("10.0.0.2:7777"));
    EXPECT_FALSE(parse_instance(R"({"address":"","app_name":"chat"})", options));
    options.address = "not an address";
    EXPECT_THAT(parse_instance(R"({"app_name":"chat"})", options).error().message,
                HasSubstr("has a space"));
}

TEST(ParseInstance, FloatSecondsAreFloored) {
    const auto parse = [](const std::string& number) {
        return parse_instance(R"({"address":"a","app_name":"b","last_update":)" + number + "}",
                              kLegacy);
    };
    EXPECT_EQ(parse("1763700000.987")->last_update, 1'763'700'000U);
    EXPECT_EQ(parse("0.5")->last_update, 0U);
    EXPECT_EQ(parse("-0.0")->last_update, 0U);
    EXPECT_EQ(parse("1.7637e9")->last_update, 1'763'700'000U);
    EXPECT_THAT(parse("1763700000000.5").error().message, HasSubstr("divide by 1000"));
    EXPECT_THAT(parse("1763700000000").error().message, HasSubstr("divide by 1000"));
    EXPECT_THAT(parse("18446744073709551615").error().message, HasSubstr("divide by 1000"));
    EXPECT_THAT(parse("1e300").error().message, HasSubstr("divide by 1000"));
    EXPECT_THAT(parse("-1").error().message, HasSubstr("last_update -1 must be Unix seconds"));
    EXPECT_THAT(parse("-0.5").error().message, HasSubstr("last_update -0.5 must be"));
    EXPECT_THAT(parse("1e999").error().message, HasSubstr("a number out of range"));
}

TEST(ParseInstance, MetadataBecomesCanonicalText) {
    const auto metadata = [](const std::string& text) {
        return parse_instance(R"({"address":"a","app_name":"b","metadata":)" + text + "}", kV1);
    };
    EXPECT_EQ(metadata("{ \"b\" : [1, 2.50] ,\n\"a\":{\"y\":null,\"x\":true}}")->metadata,
              R"({"a":{"x":true,"y":null},"b":[1,2.5]})");
    EXPECT_EQ(metadata(R"({"k":"\u00e9\n\u0000"})")->metadata, "{\"k\":\"\xc3\xa9\\n\\u0000\"}");
    const std::string once = metadata(R"({"z":1e3,"a":-7,"m":0.1})")->metadata;
    EXPECT_EQ(metadata(once)->metadata, once);

    const auto large = metadata("{\"a\":\"" + std::string(kMaxMetadata, 'x') + "\"}");
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, Errc::too_large);
}

TEST(ParseInstance, RefusesWithTheFieldTheValueAndTheRule) {
    struct Case {
        std::string body;
        Errc code;
        std::vector<std::string> says;
    };
    const std::string start = R"({"address":"a","app_name":"b",)";
    const std::vector<Case> cases{
        {"", Errc::malformed, {"line 1, column 1"}},
        {"{", Errc::malformed, {"line 1, column"}},
        {"{\n \"address\": x}", Errc::malformed, {"line 2, column 13", "invalid literal"}},
        {"{} {}", Errc::malformed, {"malformed JSON", "unexpected '{'"}},
        {"{\"a\":\"\xff\"}", Errc::malformed, {"ill-formed UTF-8"}},
        {"{\"a\":\"\\ud800\"}", Errc::malformed, {"surrogate"}},
        {"{'a':1}", Errc::malformed, {"line 1, column 2"}},
        {"{\"zone\":\"\",}", Errc::malformed, {"line 1, column 12"}},
        {"{\"ttl\":01}", Errc::malformed, {"line 1, column 9"}},
        {"{\"a\":NaN}", Errc::malformed, {"invalid literal"}},
        {"[]", Errc::invalid, {"must be a JSON object", "array"}},
        {"17", Errc::invalid, {"must be a JSON object", "number"}},
        {"\"x\"", Errc::invalid, {"must be a JSON object", "string"}},
        {"null", Errc::invalid, {"must be a JSON object", "null"}},
        {"{}", Errc::invalid, {"\"address\" is missing", "host[:port]"}},
        {R"({"address":"a"})", Errc::invalid, {"\"app_name\" is missing"}},
        {R"({"address":"a b","app_name":"b"})", Errc::invalid, {"\"a b\"", "has a space"}},
        {R"({"address":7,"app_name":"b"})", Errc::invalid, {"address 7 must be a string"}},
        {R"({"address":null,"app_name":"b"})", Errc::invalid, {"address null must be a string"}},
        {start + R"("app_name":"c"})", Errc::invalid, {"\"app_name\" is given twice"}},
        {start + R"("metadata":{"k":1,"k":2}})", Errc::invalid, {"\"k\" is given twice"}},
        {start + R"("versoin":"v1"})", Errc::invalid, {"unknown field \"versoin\"", "version"}},
        {start + R"("state":"up"})", Errc::invalid, {"\"state\"", "leave it out"}},
        {start + R"("version":1})", Errc::invalid, {"version 1 must be a string"}},
        {start + R"("capacity":-1})", Errc::invalid, {"capacity -1", "0..4294967295"}},
        {start + R"("capacity":4294967296})", Errc::invalid, {"4294967296", "0..4294967295"}},
        {start + R"("sessions":1.5})", Errc::invalid, {"sessions 1.5 must be an integer"}},
        {start + R"("sessions":"3"})", Errc::invalid, {"sessions \"3\" must be an integer"}},
        {start + R"("incarnation":[1]})", Errc::invalid, {"incarnation an array must be"}},
        {start + R"("phase":"up"})", Errc::invalid, {"phase \"up\"", "starting, running"}},
        {start + R"("phase":1})", Errc::invalid, {"phase 1 must be"}},
        {start + R"("ready_to_close":"yes"})", Errc::invalid, {"\"yes\" must be true or false"}},
        {start + R"("metadata":"x"})", Errc::invalid, {"metadata \"x\" must be an object"}},
        {start + R"("metadata":[]})", Errc::invalid, {"metadata an array must be an object"}},
        {start + R"("last_update":"now"})", Errc::invalid, {"last_update \"now\" must be"}},
        {start + R"("last_update":{}})", Errc::invalid, {"last_update an object must be"}},
        {start + R"("ttl":0})", Errc::invalid, {"ttl 0", "1..3600"}},
        {start + R"("ttl":86400})", Errc::invalid, {"ttl 86400", "1..3600"}},
    };
    for (const Case& c : cases) {
        const Result<Instance> result = parse_instance(c.body, kV1);
        ASSERT_FALSE(result) << c.body;
        EXPECT_EQ(result.error().code, c.code) << c.body << ": " << result.error().message;
        for (const std::string& part : c.says) {
            EXPECT_THAT(result.error().message, HasSubstr(part)) << c.body;
        }
        EXPECT_TRUE(valid_utf8(result.error().message)) << c.body;
    }
}

TEST(ParseInstance, TheLegacyDialectWantsLastUpdateAndChecksTheFieldsItKnows) {
    EXPECT_THAT(parse_instance(R"({"address":"a","app_name":"b"})", kLegacy).error().message,
                HasSubstr("\"last_update\" is missing"));
    EXPECT_FALSE(
        parse_instance(R"({"address":"a","app_name":"b","last_update":1,"ttl":"x"})", kLegacy));
}

TEST(ParseInstance, BombsAreRefusedCheaply) {
    const std::string start = R"({"address":"a","app_name":"b","last_update":1,"x":)";
    for (const char* open : {"[", "{\"k\":"}) {
        const auto deep = parse_instance(start + repeated(open, 100'000), kLegacy);
        ASSERT_FALSE(deep);
        EXPECT_THAT(deep.error().message, HasSubstr("deeper than 32 levels"));
    }
    const auto wide = parse_instance(start + "[" + repeated("[],", 200'000) + "1]}", kLegacy);
    ASSERT_FALSE(wide);
    EXPECT_EQ(wide.error().code, Errc::too_large);
    EXPECT_THAT(wide.error().message, HasSubstr("\"x\" holds more than 10000 values"));

    const auto big = parse_instance(std::string(kMaxBody + 1, ' '), kV1);
    ASSERT_FALSE(big);
    EXPECT_EQ(big.error().code, Errc::too_large);

    const auto digits = parse_instance(start + std::string(500'000, '9') + "}", kLegacy);
    ASSERT_FALSE(digits);
    EXPECT_LT(digits.error().message.size(), 300U);
}

TEST(ParseInstance, DepthJustWithinTheLimitIsAccepted) {
    const auto nested = [](std::size_t arrays) {
        return parse_instance(R"({"address":"a","app_name":"b","metadata":{"k":)" +
                                  repeated("[", arrays) + repeated("]", arrays) + "}}",
                              kV1);
    };
    const Result<Instance> fits = nested(kMaxDepth - 2);
    ASSERT_TRUE(fits) << fits.error().message;
    EXPECT_TRUE(validated(*fits));
    EXPECT_FALSE(nested(kMaxDepth - 1));
}

TEST(RegisterAll, ReadsAMapOfAddresses) {
    const auto rows = parse_register_all(
        R"({"10.0.0.2": {"app_name": "chat", "last_update": 5},
            "10.0.0.1:80": {"app_name": "game", "last_update": 0, "version": "v2", "odd": null}})");
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), 2U);
    EXPECT_EQ((*rows)[0].address, "10.0.0.2");
    EXPECT_EQ((*rows)[0].app_name, "chat");
    EXPECT_EQ((*rows)[0].last_update, 5U);
    EXPECT_EQ((*rows)[1].address, "10.0.0.1:80");
    EXPECT_EQ((*rows)[1].version, "v2");
    EXPECT_TRUE(parse_register_all("{}")->empty());
}

TEST(RegisterAll, OneBadRowRefusesTheBodyAndIsNamed) {
    struct Case {
        std::string body;
        std::vector<std::string> says;
    };
    const std::vector<Case> cases{
        {R"({"a": {"app_name": "x", "last_update": 1}, "b:0": {"app_name": "x", "last_update": 1}})",
         {"of \"b:0\"", "1..65535"}},
        {R"({"a": {"app_name": "x"}})", {"of \"a\"", "\"last_update\" is missing"}},
        {R"({"a": {"last_update": 1}})", {"of \"a\"", "\"app_name\" is missing"}},
        {R"({"a": 5})", {"\"a\" 5 must be an object"}},
        {R"({"a": {"app_name": "x", "last_update": 1, "address": "b"}})", {"\"b\" differs"}},
        {R"({"a": {"app_name": "x", "last_update": 1}, "a": {"app_name": "x", "last_update": 2}})",
         {"\"a\" is given twice"}},
        {R"({"a": {"app_name": "x", "last_update": 1})", {"malformed JSON at line 1"}},
        {"[]", {"must be a JSON object"}},
    };
    for (const Case& c : cases) {
        const auto result = parse_register_all(c.body);
        ASSERT_FALSE(result) << c.body;
        for (const std::string& part : c.says) {
            EXPECT_THAT(result.error().message, HasSubstr(part)) << c.body;
        }
    }
}

TEST(RegisterAll, TakesNoMoreRowsThanItsLimit) {
    const auto body = [](std::size_t rows) {
        std::string out = "{";
        for (std::size_t i = 0; i < rows; ++i) {
            if (i > 0) out += ',';
            out += "\"h" + std::to_string(i) + R"(":{"app_name":"x","last_update":1})";
        }
        return out + "}";
    };
    EXPECT_EQ(parse_register_all(body(kMaxRegisterAllRows))->size(), kMaxRegisterAllRows);
    EXPECT_EQ(parse_register_all(body(kMaxRegisterAllRows + 1)).error().code, Errc::too_large);
}

TEST(Writing, StringsAreWhatNlohmannReads) {
    std::string every_byte;
    for (int c = 0; c < 128; ++c) every_byte += static_cast<char>(c);
    for (const std::string& text : {std::string(), every_byte,
                                    std::string("\xc3\xa9\xe6\xb5\xb7\xf0\x9f\x8c\x8a\xed\x9f\xbf"),
                                    std::string("\xf4\x8f\xbf\xbf"), std::string("\"\\/")}) {
        std::string out;
        append_string(out, text);
        EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), text) << out;
    }
}

TEST(Writing, WhatIsNotUtf8BecomesTheReplacementCharacter) {
    const std::string replacement = "\xef\xbf\xbd";
    for (const std::string_view bad : {"\x80", "\xc0", "\xff", "\xc3", "\xe2\x82"}) {
        std::string out;
        append_string(out, bad);
        EXPECT_FALSE(valid_utf8(bad));
        EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), repeated(replacement, bad.size()));
    }
    for (const char* bad : {"\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
        EXPECT_FALSE(valid_utf8(bad));  // overlong, surrogate, above U+10FFFF
    }
}

TEST(Writing, NumbersAndIds) {
    std::string out;
    append_number(out, 0);
    append_number(out, UINT64_MAX);
    append_hex(out, 0xa11ce);
    EXPECT_EQ(out, "01844674407370955161500000000000a11ce");
}

TEST(Writing, AnIdRoundTripsAndOthersAreRefused) {
    for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{0xa11ce}, UINT64_MAX}) {
        std::string text;
        append_hex(text, id);
        EXPECT_EQ(parse_hex(text), id);
    }
    EXPECT_EQ(parse_hex("A11CE"), 0xa11ceU);
    for (const char* text : {"", " 1", "1 ", "-1", "0x1", "g", "10000000000000000"}) {
        EXPECT_EQ(parse_hex(text), std::nullopt) << text;
    }
}

TEST(Writing, AVersionRoundTripsAndOthersAreRefused) {
    const gossip::Stamp stamp = gossip::Stamp::at_ms(1'763'700'000'000, 3);
    EXPECT_EQ(parse_ver(format_ver(stamp)), stamp);
    EXPECT_EQ(format_ver({}), "0");
    for (const char* bad : {"", "x", "-1", "1 ", " 1", "1.0", "18446744073709551616"}) {
        EXPECT_FALSE(parse_ver(bad)) << bad;
    }
}

TEST(Writing, LongValuesInMessagesAreCutBetweenCharacters) {
    EXPECT_EQ(in_quotes("a\n"), "\"a\\n\"");
    const std::string shown = in_quotes(std::string(79, 'a') + "\xe6\xb5\xb7\xe6\xb5\xb7");
    EXPECT_EQ(shown, "\"" + std::string(79, 'a') + "\"...");
}

}  // namespace
}  // namespace registry
