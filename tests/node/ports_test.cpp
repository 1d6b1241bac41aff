#include "node/cli/ports.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/loopback.h"

// Ports of processes that come and go.

namespace {

const std::string kHost = test::loopback();
constexpr std::uint16_t kFirst = 21'000;

TEST(PortClaims, GiveAPortOnceThoughNothingListensAtIt) {
    node::cli::PortClaims mine;
    node::cli::PortClaims another;
    const auto first = mine.take(kHost, kFirst);
    EXPECT_EQ(first, kFirst);
    EXPECT_EQ(another.take(kHost, kFirst), kFirst + 1);
    EXPECT_EQ(mine.take(kHost, kFirst), kFirst + 2);
    EXPECT_TRUE(node::cli::port_is_free(kHost, first));
}

TEST(PortClaims, EndWithTheirHolder) {
    auto first = std::make_unique<node::cli::PortClaims>();
    EXPECT_EQ(first->take(kHost, kFirst), kFirst);
    first.reset();
    EXPECT_EQ(node::cli::PortClaims().take(kHost, kFirst), kFirst);
}

}  // namespace
