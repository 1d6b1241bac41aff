#include "gossip/config.h"

#include <gtest/gtest.h>

namespace gossip {
namespace {

using namespace std::chrono_literals;

std::string refusal(const Config& config) {
    const auto result = validated(config);
    if (result) return "accepted";
    EXPECT_EQ(result.error().code, Errc::invalid);
    return result.error().message;
}

TEST(Config, TheDefaultsAreLegal) {
    EXPECT_TRUE(validated(Config{}));
}

TEST(Config, WhatASimulationUsesIsLegal) {
    Config config;
    config.sketch_cells = 256;
    config.flush_interval = 0ms;
    config.interval = 50ms;
    EXPECT_TRUE(validated(config));
}

TEST(Config, ARefusalNamesTheFieldTheValueAndTheLegalRange) {
    Config config;
    config.fanout = 1;
    EXPECT_EQ(refusal(config), "fanout is 1: it has to be from 2 to 32");
    config = {};
    config.interval = 9ms;
    EXPECT_EQ(refusal(config), "interval is 9 ms: it has to be from 10 to 3600000 ms");
}

template <class Field, class Value>
void expect_bounds(Field Config::*field, Value low, Value high) {
    for (const Value legal : {low, high}) {
        Config config;
        config.*field = Field{legal};
        EXPECT_EQ(refusal(config), "accepted");
    }
    for (const Value illegal : {low - Value{1}, high + Value{1}}) {
        Config config;
        config.*field = Field{illegal};
        EXPECT_NE(refusal(config).find("it has to be from"), std::string::npos);
    }
}

TEST(Config, EveryFieldHasBounds) {
    expect_bounds(&Config::interval, 10ms, milliseconds{1h});
    expect_bounds(&Config::peers, 1U, 64U);
    expect_bounds(&Config::ping_retry, 1ms, milliseconds{1min});
    expect_bounds(&Config::ping_tries, 1U, 16U);
    expect_bounds(&Config::suspicion, 10ms, milliseconds{1h});
    expect_bounds(&Config::seed_retry_min, 10ms, 10'000ms);
    expect_bounds(&Config::seed_retry_max, 250ms, milliseconds{1h});
    expect_bounds(&Config::rejoin_period, 10ms, milliseconds{1h});
    expect_bounds(&Config::fanout, 2U, 8U);  // never above origin_fanout
    expect_bounds(&Config::origin_fanout, 4U, 64U);
    expect_bounds(&Config::flush_interval, 0ms, 1000ms);
    expect_bounds(&Config::refresh_interval, 0ms, milliseconds{1h});
    expect_bounds(&Config::sketch_cells, 96U, 1U << 20);
    expect_bounds(&Config::max_rows, 1U, 50'000'000U);
    expect_bounds(&Config::max_members, 1U, 1'000'000U);
    expect_bounds(&Config::snapshot_gap, 1U, 50'000'000U);
    expect_bounds(&Config::datagram_bytes_per_s, std::uint64_t{10'000},
                  std::uint64_t{10'000'000'000});
    expect_bounds(&Config::stream_bytes_per_s, std::uint64_t{10'000},
                  std::uint64_t{10'000'000'000});
    expect_bounds(&Config::streams_in, 1U, 64U);
    expect_bounds(&Config::streams_out, 1U, 64U);
    expect_bounds(&Config::diffs_per_s_per_peer, 1U, 10'000U);
    expect_bounds(&Config::peer_datagrams_per_s, std::uint64_t{10}, std::uint64_t{10'000'000});
}

TEST(Config, AHorizonHasToOutlastTheFutureThatIsAccepted) {
    Config config;
    config.horizon = 60s;
    EXPECT_EQ(refusal(config), "max_ahead has to be shorter than horizon");
    config.horizon = 61s;
    EXPECT_EQ(refusal(config), "accepted");
    config.horizon = 0s;
    EXPECT_NE(refusal(config).find("horizon is 0 ms"), std::string::npos);
    config = {};
    config.max_ahead = 99ms;
    EXPECT_NE(refusal(config).find("max_ahead is 99 ms"), std::string::npos);
}

TEST(Config, AClusterNameIsShortAndPrintable) {
    Config config;
    for (const std::string& bad : {std::string{}, std::string(65, 'x'), std::string{"a b"},
                                   std::string{"a\n"}, std::string{"caf\xc3\xa9"}}) {
        config.cluster = bad;
        EXPECT_NE(refusal(config).find("cluster name"), std::string::npos) << bad;
    }
    config.cluster = std::string(64, 'x');
    EXPECT_EQ(refusal(config), "accepted");
}

}  // namespace
}  // namespace gossip
