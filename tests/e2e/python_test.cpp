#include <gtest/gtest.h>

#include "tests/support/cluster.h"
#include "tests/support/raw_connection.h"

// The Python client and its example, against a real node: two versions of a stateful server, and
// clients that stay, come back, and find the new one.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::eventually;
using test::json;
using test::RawConnection;

struct EchoServer {
    EchoServer(const std::filesystem::path& directory, const std::string& version, Agent& agent)
        : address(test::next_address()), log(directory / (version + ".log")) {
        node::cli::ChildOptions options;
        options.argv = {"/usr/bin/env", "python3", SOURCE_DIR "/examples/python/echo_server.py",
                        address,        version,   agent.url()};
        options.out = options.err = log;
        options.environment = {{"PYTHONDONTWRITEBYTECODE", "1"}};
        process = node::cli::Child::spawn(options).value();
    }
    std::string address;
    std::filesystem::path log;
    node::cli::Child process;
};

// One line, without its end.
std::string line(const RawConnection& connection) {
    std::string text = connection.read_until("\n");
    if (!text.empty()) text.pop_back();
    return text;
}

std::string said(const RawConnection& connection, const std::string& text) {
    EXPECT_TRUE(connection.send(text + "\n"));
    return line(connection);
}

TEST(Python, AServerOfThirtyLinesKeepsItsClientsThroughARollout) {
    const test::ScratchDir directory{"hearsay-test"};
    Agent agent{directory.path(), "solo"};
    agent.start();
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    const auto place = [&](const std::string& query = "") {
        const auto answer = agent.client().get("/v1/apps/echo/endpoint" + query);
        return json::parse(answer.body, nullptr, false);
    };
    const auto goes_to = [&](const std::string& address) {
        return eventually([&] { return place().value("address", json()) == address; });
    };

    EchoServer one{directory.path(), "v1", agent};
    ASSERT_TRUE(goes_to(one.address)) << test::content_of(one.log) << agent.log();
    auto ann = std::make_unique<RawConnection>(one.address, SOCK_STREAM);
    const std::string ticket = place().at("candidates").at(0).at("ticket");
    const std::string yes = said(*ann, "ticket " + ticket);
    ASSERT_EQ(yes.substr(0, 4), "yes ") << test::content_of(one.log);
    EXPECT_EQ(said(*ann, "hello"), "1 v1 hello");
    const RawConnection thief(one.address, SOCK_STREAM);
    EXPECT_EQ(said(thief, "ticket " + ticket), "no the ticket was redeemed before");

    EchoServer two{directory.path(), "v2", agent};
    ASSERT_TRUE(goes_to(two.address)) << test::content_of(two.log) << agent.log();
    const RawConnection ben(two.address, SOCK_STREAM);
    EXPECT_EQ(said(ben, "ticket " + place().at("candidates").at(0).at("ticket").get<std::string>())
                  .substr(0, 4),
              "yes ");
    EXPECT_EQ(said(ben, "hello"), "1 v2 hello");
    EXPECT_EQ(said(*ann, "still here"), "2 v1 still here");

    // Ann's network breaks. Whichever node she asks sends her back, and her count goes on.
    ann->reset();
    const json back = place("?token=" + yes.substr(4));
    EXPECT_EQ(back.at("address"), one.address) << back;
    ann = std::make_unique<RawConnection>(one.address, SOCK_STREAM);
    ASSERT_EQ(said(*ann, "token " + yes.substr(4)).substr(0, 4), "yes ");
    EXPECT_EQ(said(*ann, "back"), "3 v1 back");
    EXPECT_TRUE(one.process.running());

    // She leaves; nobody is there any more, so the old version closes itself.
    ASSERT_TRUE(ann->send("bye\n"));
    EXPECT_EQ(one.process.wait(15s), 0) << test::content_of(one.log);
    EXPECT_EQ(said(ben, "and I?"), "2 v2 and I?");
    two.process.kill();
}

}  // namespace
