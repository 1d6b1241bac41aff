#include "node/cli/bot_log.h"

#include <gtest/gtest.h>

#include "node/cli/scratch.h"

namespace {

using node::cli::BotLog;

TEST(BotLog, CountsWhatNobodyWantedAsDisconnects) {
    BotLog log("");
    log.take("1 session=bot-1 event=asked node=http://a:1 outcome=go version=v1");
    log.take("2 session=bot-1 event=joined server=a:2 version=v1 incarnation=7 counter=0");
    log.take("2 session=bot-2 event=joined server=a:2 version=v2 incarnation=7 counter=0");
    log.take("3 session=bot-1 event=said counter=1 incarnation=7");
    log.take("4 session=bot-1 event=lost server=a:2 incarnation=7 cause=cut");
    log.take("5 session=bot-1 event=resumed server=a:2 version=v1 incarnation=7 counter=1");
    log.take("6 session=bot-1 event=left server=a:2 version=v1 incarnation=7 counter=1");
    EXPECT_EQ(log.counts().joined, 2);
    EXPECT_EQ(log.counts().playing, 1);
    EXPECT_EQ(log.counts().disconnects, 0);
    EXPECT_EQ(log.counts().joined_by_version, (std::map<std::string, int>{{"v1", 1}, {"v2", 1}}));
    log.take("7 session=bot-2 event=lost server=a:2 incarnation=7 cause=broken");
    log.take("8 session=bot-2 event=gone server=a:2 incarnation=7");
    log.take("9 session=bot-3 event=joined server=a:2 version=v2 incarnation=8 counter=0");
    log.take("9 session=bot-3 event=dismissed server=a:2 reason=the-end");
    log.take("nonsense");
    log.take("");
    EXPECT_EQ(log.counts().playing, 0);
    EXPECT_EQ(log.counts().disconnects, 3);
}

TEST(BotLog, ReadsOnWhereItStoppedAndWaitsForWholeLines) {
    const node::cli::ScratchDir directory("hearsay-test");
    const auto path = directory.path() / "log";
    BotLog log(path);
    EXPECT_EQ(log.read().joined, 0) << "there is no file yet";
    std::ofstream file(path);
    file << "1 session=a event=joined version=v1\n2 session=b event=joi" << std::flush;
    EXPECT_EQ(log.read().joined, 1);
    file << "ned version=v1\n" << std::flush;
    EXPECT_EQ(log.read().joined, 2);
    EXPECT_EQ(log.read().joined, 2);
}

}  // namespace
