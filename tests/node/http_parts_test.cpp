#include <gtest/gtest.h>
#include <unistd.h>

#include "gossip/table.h"
#include "node/http/exchange.h"
#include "node/http/list_cache.h"
#include "node/http/query.h"
#include "registry/view_builder.h"

// The parts of the API that need no socket.

namespace {

using node::format_head;
using node::none_match_hits;
using node::parse_query;
using node::percent_decoded;

TEST(HttpQuery, EscapesAreDecoded) {
    EXPECT_EQ(percent_decoded("10.0.0.1%3A90%2f"), "10.0.0.1:90/");
    EXPECT_EQ(percent_decoded("a+b"), "a+b");
    EXPECT_EQ(percent_decoded("a+b", ' '), "a b");
    EXPECT_EQ(percent_decoded("%"), std::nullopt);
    EXPECT_EQ(percent_decoded("%4"), std::nullopt);
    EXPECT_EQ(percent_decoded("%4g"), std::nullopt);
    EXPECT_EQ(percent_decoded("%00x"), std::string("\0x", 2));
}

TEST(HttpQuery, ParametersAreReadInOrder) {
    const auto parameters = parse_query("a=1&&b=x%26y&c=", {"a", "b", "c"});
    ASSERT_TRUE(parameters.has_value());
    const std::vector<std::pair<std::string, std::string>> expected{
        {"a", "1"}, {"b", "x&y"}, {"c", ""}};
    EXPECT_EQ(*parameters, expected);
    EXPECT_TRUE(parse_query("", {}).has_value());
}

TEST(HttpQuery, WhatCannotBeMeantIsNamed) {
    for (const auto& [query, word] : std::vector<std::pair<std::string, std::string>>{
             {"b=1", "\"b\""}, {"a", "\"a\""}, {"a=1&a=2", "twice"}, {"a=%4", "hex"}}) {
        const auto parameters = parse_query(query, {"a"});
        ASSERT_FALSE(parameters.has_value()) << query;
        EXPECT_NE(parameters.error().message.find(word), std::string::npos)
            << parameters.error().message;
    }
}

TEST(HttpHead, CarriesWhatTheResponseSays) {
    node::Response response = node::json("{}");
    response.etag = "\"7\"";
    EXPECT_EQ(format_head(response, true),
              "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
              "Content-Length: 2\r\nETag: \"7\"\r\n\r\n");
    response = node::text("success");
    EXPECT_EQ(format_head(response, false),
              "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n"
              "Content-Length: 7\r\n\r\n");
}

TEST(HttpHead, NothingChangedHasNoLength) {
    node::Response response;
    response.status = 304;
    EXPECT_EQ(format_head(response, true),
              "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n");
}

TEST(HttpHead, ASharedBodyIsMeasured) {
    node::Response response;
    response.shared_body = std::make_shared<const node::SharedBytes>(std::string(1000, 'x'));
    EXPECT_NE(format_head(response, true).find("Content-Length: 1000\r\n"), std::string::npos);
}

TEST(SharedBytes, AreTheSameInAFileAsInABuffer) {
    using node::SharedBytes;
    for (const std::size_t size :
         {std::size_t{0}, SharedBytes::kFileFrom - 1, SharedBytes::kFileFrom, SharedBytes::kFileTo,
          SharedBytes::kFileTo + 1}) {
        std::string bytes(size, 'x');
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i % 23);
        const SharedBytes shared(bytes);
        EXPECT_EQ(std::string_view(shared.data(), shared.size()), bytes);
        const bool in_file = size >= SharedBytes::kFileFrom && size <= SharedBytes::kFileTo;
        ASSERT_EQ(shared.file() >= 0, in_file) << size;
        if (!in_file) continue;
        std::string read(size + 1, '\0');
        EXPECT_EQ(::pread(shared.file(), read.data(), read.size(), 0), static_cast<ssize_t>(size));
        read.resize(size);
        EXPECT_EQ(read, bytes);
    }
}

TEST(HttpProblem, IsJsonWhateverItQuotes) {
    const auto response = node::problem(400, "bad \"\xff\n", "mend it", R"(,"current":null)");
    EXPECT_EQ(response.body.find('\xff'), std::string::npos);
    EXPECT_NE(response.body.find(R"("hint":"mend it","current":null})"), std::string::npos);
}

TEST(HttpCondition, AnEntityTagIsFoundInAList) {
    EXPECT_TRUE(none_match_hits("\"1\"", "\"1\""));
    EXPECT_TRUE(none_match_hits("W/\"0\", W/\"1\"", "\"1\""));
    EXPECT_TRUE(none_match_hits("*", "\"1\""));
    EXPECT_FALSE(none_match_hits("", "\"1\""));
    EXPECT_FALSE(none_match_hits("\"11\"", "\"1\""));
    EXPECT_FALSE(none_match_hits("1", "\"1\""));
}

std::shared_ptr<const registry::View> view_of(registry::ViewBuilder& builder, std::string address) {
    registry::Instance instance;
    instance.address = std::move(address);
    instance.app_name = "chat";
    const gossip::LocalWrite write = registry::encode(instance);
    gossip::RecordFields fields;
    fields.stamp = gossip::Stamp::at_ms(1);
    fields.key = write.key;
    fields.value = write.value;
    builder.apply(gossip::Record::make(fields, {}));
    return builder.publish({});
}

TEST(ListCache, ARevisionIsSerialisedOnce) {
    registry::ViewBuilder builder;
    node::ListCache cache("n1");
    const auto first = view_of(builder, "h:1");
    const auto page = cache.page(first);
    const auto has = [](const auto& some, std::string_view part) {
        return std::string_view(some->body->data(), some->body->size()).find(part) !=
               std::string_view::npos;
    };
    EXPECT_EQ(cache.page(first)->body.get(), page->body.get());
    EXPECT_EQ(page->etag, "\"n1." + std::to_string(first->revision()) + "\"");
    EXPECT_TRUE(has(page, "h:1"));

    const auto second = view_of(builder, "h:2");
    const auto next = cache.page(second);
    EXPECT_TRUE(has(next, "h:2"));
    EXPECT_FALSE(has(page, "h:2")) << "a page that is being sent changed";
    // A reader that was overtaken does not push the cache back.
    EXPECT_EQ(cache.page(first)->body.get(), next->body.get());
}

}  // namespace
