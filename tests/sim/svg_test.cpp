#include "sim/svg.h"

#include <algorithm>

#include "sim/scenarios/scenario.h"
#include "tests/sim/run_seeds.h"

namespace sim {
namespace {

// Every element is closed, in the right order, there is one root, and no text has a stray mark-up
// character: what a browser asks of an SVG document.
testing::AssertionResult well_formed(std::string_view text) {
    std::vector<std::string> open;
    std::size_t roots = 0;
    for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
        const std::size_t end = text.find('>', at);
        if (end == std::string_view::npos) return testing::AssertionFailure() << "a tag never ends";
        const std::string_view tag = text.substr(at + 1, end - at - 1);
        if (std::ranges::count(tag, '"') % 2 != 0 || tag.find('<') != std::string_view::npos) {
            return testing::AssertionFailure() << "broken tag: " << tag;
        }
        const std::string_view name = tag.substr(0, tag.find_first_of(" /", 1));
        if (tag.starts_with('/')) {
            if (open.empty() || open.back() != tag.substr(1)) {
                return testing::AssertionFailure() << tag << " closes nothing";
            }
            open.pop_back();
        } else {
            if (open.empty()) ++roots;
            if (!tag.ends_with('/')) open.emplace_back(name);
        }
        at = end;
    }
    if (!open.empty()) return testing::AssertionFailure() << open.back() << " is never closed";
    if (roots != 1) return testing::AssertionFailure() << roots << " roots";
    for (const char* bad : {"nan", "inf", "http://", "https://", "url(", "href"}) {
        std::size_t found = text.find(bad);
        const bool name_space =
            std::string_view{bad} == "http://" && text.find("http://www.w3.org") == found;
        if (name_space) found = text.find(bad, found + 1);
        if (found != std::string_view::npos) return testing::AssertionFailure() << bad;
    }
    return testing::AssertionSuccess();
}

std::size_t count(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

bool has(const std::string& text, std::string_view what) {
    return text.find(what) != std::string::npos;
}

TEST(Svg, TheCurveOfAnUpdateMarksWhenHalfMostAndAllNodesKnow) {
    SpreadPicture picture{100, {}};
    for (int i = 0; i < 100; ++i) picture.known.emplace_back(100 * i);
    const std::string text = svg(picture, "100 nodes, seed 1");
    EXPECT_TRUE(well_formed(text)) << text;
    EXPECT_TRUE(has(text, "How one update reaches 100 nodes")) << text;
    EXPECT_TRUE(has(text, "100 nodes, seed 1"));
    EXPECT_TRUE(has(text, "milliseconds since the write"));
    EXPECT_TRUE(has(text, ">4.90 ms<") && has(text, ">9.80 ms<") && has(text, ">9.90 ms<")) << text;
}

TEST(Svg, AnUpdateThatDidNotReachAllHasNoMarkForAll) {
    const SpreadPicture picture{4, {Time{0}, Time{500}, Time{900}}};
    const std::string text = svg(picture, "");
    EXPECT_TRUE(well_formed(text)) << text;
    EXPECT_TRUE(has(text, "p50"));
    EXPECT_FALSE(has(text, "p100"));
    EXPECT_TRUE(well_formed(svg(SpreadPicture{3, {}}, "")));
    EXPECT_TRUE(well_formed(svg(SpreadPicture{1, {Time{0}}}, "")));
}

TEST(Svg, TheCurveOfManyNodesStaysSmall) {
    SpreadPicture picture{100'000, {}};
    for (int i = 0; i < 100'000; ++i) picture.known.emplace_back(i / 10);
    EXPECT_LT(svg(picture, "").size(), 60'000U);
}

TEST(Svg, WhatIsBelievedOfANodeIsColouredByWhetherItIsTrue) {
    BeliefPicture picture;
    picture.title = "a < b & c";
    picture.axis = "seconds";
    picture.believers = 10;
    picture.end = Time{4'000'000};
    picture.lanes.push_back({"right", {{Time{0}, 0, 10, false}, {Time{2'000'000}, 0, 0, true}}});
    const std::string right = svg(picture, "");
    picture.lanes.back() = {"wrong", {{Time{0}, 0, 10, true}, {Time{2'000'000}, 0, 0, true}}};
    const std::string wrong = svg(picture, "");
    EXPECT_TRUE(well_formed(right)) << right;
    EXPECT_TRUE(well_formed(wrong)) << wrong;
    EXPECT_TRUE(has(right, "a &lt; b &amp; c"));
    const auto colours = [](const std::string& text) {
        return std::pair{count(text, "#1f6fb4"), count(text, "#c8281e")};
    };
    EXPECT_EQ(colours(right), (std::pair<std::size_t, std::size_t>{2, 1}));  // one in the legend
    EXPECT_EQ(colours(wrong), (std::pair<std::size_t, std::size_t>{1, 2}));
}

TEST(Svg, EveryScenarioThatPromisesAPictureHasOne) {
    std::size_t pictures = 0;
    for (const Scenario& scenario : scenarios()) {
        if (!scenario.has_picture) continue;
        Options options = options_for(scenario.name, 3);
        options.minutes = 1;
        options.loss_ppm = 100'000;
        const Report report = run_scenario(options);
        EXPECT_TRUE(well_formed(report.svg())) << scenario.name;
        EXPECT_TRUE(has(report.svg(), "10 % of datagrams lost, seed 3")) << scenario.name;
        EXPECT_LT(report.svg().size(), 200'000U) << scenario.name;
        ++pictures;
    }
    EXPECT_EQ(pictures, 4U);
}

}  // namespace
}  // namespace sim
