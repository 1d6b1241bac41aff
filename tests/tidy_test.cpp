#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Rules of this repository that no compiler knows. A rule that is not tested is a wish.

namespace {

namespace fs = std::filesystem;

const fs::path kRoot{SOURCE_DIR};

// Which folders a folder may include. Keep it a DAG; tests may include everything.
const std::map<std::string, std::set<std::string>> kMayInclude{
    {"gossip", {"gossip"}},
    {"registry", {"gossip", "registry"}},
    {"sim", {"gossip", "registry", "sim"}},
    {"node", {"gossip", "registry", "node"}},
    {"clients", {"clients"}},               // a file to copy
    {"examples", {"clients", "examples"}},  // what an outsider could write
};

// What would make a pure folder depend on the machine, the moment or the schedule.
constexpr std::array kImpure{
    "asio",         "httplib",      "SQLiteCpp", "spdlog",       "std::thread",   "std::mutex",
    "std::atomic",  "system_clock", "<random>",  "unordered_",   "std::ifstream", "std::getenv",
    "steady_clock", "throw ",       "time(nul",  "std::ofstrea", "std::function"};

// Words of unfinished work, in pieces so that this file passes its own rule.
const std::vector<std::string> kUnfinished{std::string{"TO"} + "DO", std::string{"FIX"} + "ME",
                                           std::string{"XX"} + "X", std::string{"for "} + "now",
                                           std::string{"place"} + "holder"};

// A test waits for a state with support's polling helper, never for a time, and runs.
const std::vector<std::string> kSleeps{
    std::string{"sleep"} + "_for", std::string{"sleep"} + "_until", std::string{"usl"} + "eep(",
    std::string{"nanosl"} + "eep(", std::string{"time.sl"} + "eep"};
const std::vector<std::string> kSwitchedOff{std::string{"GTEST_"} + "SKIP",
                                            std::string{"DISA"} + "BLED_"};
const std::set<std::string> kMaySleep{"tests/support/eventually.h"};

constexpr int kMaxLines = 500;
constexpr std::size_t kMaxColumns = 100;

struct Line {
    std::string file;  // relative to the root
    int number = 0;
    std::string text;

    [[nodiscard]] std::string where() const {
        return file + ":" + std::to_string(number) + ": " + text;
    }
    [[nodiscard]] std::string code() const { return text.substr(0, text.find("//")); }
};

bool is_source(const fs::path& path) {
    return path.extension() == ".h" || path.extension() == ".cpp";
}

// Every regular file below a folder, relative to the root, in a stable order.
std::vector<fs::path> files_in(const std::string& folder) {
    std::vector<fs::path> files;
    if (!fs::exists(kRoot / folder)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
        if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(kRoot));
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<std::string> all_folders() {
    std::vector<std::string> folders;
    for (const auto& entry : fs::directory_iterator(kRoot)) {
        const std::string name = entry.path().filename();
        if (entry.is_directory() && name != "build" && name != ".git") folders.push_back(name);
    }
    std::sort(folders.begin(), folders.end());
    return folders;
}

std::vector<fs::path> all_sources() {
    std::vector<fs::path> sources;
    for (const std::string& folder : all_folders()) {
        for (const fs::path& file : files_in(folder)) {
            if (is_source(file)) sources.push_back(file);
        }
    }
    return sources;
}

std::vector<Line> lines_of(const fs::path& file) {
    std::vector<Line> lines;
    std::ifstream stream{kRoot / file};
    std::string text;
    while (std::getline(stream, text)) {
        lines.push_back({file.string(), static_cast<int>(lines.size()) + 1, text});
    }
    return lines;
}

std::vector<Line> source_lines(const std::string& folder) {
    std::vector<Line> lines;
    for (const fs::path& file : files_in(folder)) {
        if (!is_source(file)) continue;
        for (Line& line : lines_of(file)) lines.push_back(std::move(line));
    }
    return lines;
}

// A word is not part of a longer identifier.
bool has_word(std::string_view text, std::string_view word) {
    const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const auto end = at + word.size();
        if ((at == 0 || !is_letter(text[at - 1])) &&
            (end == text.size() || !is_letter(text[end]))) {
            return true;
        }
    }
    return false;
}

TEST(Tidy, FoldersIncludeOnlyWhatIsBelowThem) {
    for (const auto& [folder, allowed] : kMayInclude) {
        const std::vector<Line> lines = source_lines(folder);
        ASSERT_FALSE(lines.empty()) << folder;
        for (const Line& line : lines) {
            if (!line.text.starts_with("#include \"")) continue;
            const std::string target = line.text.substr(10, line.text.find('/') - 10);
            EXPECT_TRUE(allowed.contains(target)) << line.where();
        }
    }
}

TEST(Tidy, NodeAndSimNeverSeeEachOther) {
    for (const auto& [folder, other] : {std::pair{"node", "sim"}, std::pair{"sim", "node"}}) {
        for (const Line& line : lines_of(fs::path{folder} / "CMakeLists.txt")) {
            const std::string code = line.text.substr(0, line.text.find('#'));
            EXPECT_FALSE(has_word(code, other)) << line.where();
        }
    }
}

TEST(Tidy, ProjectHeadersAreIncludedFromTheRoot) {
    for (const fs::path& file : all_sources()) {
        for (const Line& line : lines_of(file)) {
            if (!line.text.starts_with("#include \"")) continue;
            const std::string target = line.text.substr(10, line.text.rfind('"') - 10);
            EXPECT_TRUE(fs::exists(kRoot / target)) << line.where();
        }
    }
}

TEST(Tidy, PureFoldersTouchNothing) {
    for (const char* folder : {"gossip", "registry"}) {
        for (const Line& line : source_lines(folder)) {
            for (const char* word : kImpure) {
                EXPECT_EQ(line.code().find(word), std::string::npos) << line.where();
            }
        }
    }
}

TEST(Tidy, TheSimulatorReadsNoClockAndStartsNoThread) {
    for (const Line& line : source_lines("sim")) {
        for (const char* word : {"std::thread", "std::mutex", "_clock::now", "<random>"}) {
            EXPECT_EQ(line.code().find(word), std::string::npos) << line.where();
        }
    }
}

TEST(Tidy, FilesAreShortEnoughToRead) {
    for (const fs::path& file : all_sources()) {
        const std::vector<Line> lines = lines_of(file);
        EXPECT_LE(lines.size(), kMaxLines) << file;
        for (const Line& line : lines) {
            if (line.text.find("R\"") != std::string::npos) continue;  // cannot be broken
            EXPECT_LE(line.text.size(), kMaxColumns) << line.where();
        }
    }
}

TEST(Tidy, HeadersGuardThemselvesOnTheirFirstLine) {
    for (const fs::path& file : all_sources()) {
        if (file.extension() != ".h") continue;
        const std::vector<Line> lines = lines_of(file);
        ASSERT_FALSE(lines.empty()) << file;
        EXPECT_EQ(lines.front().text, "#pragma once") << file;
    }
}

TEST(Tidy, NothingIsLeftUnfinished) {
    std::vector<fs::path> files = all_sources();
    for (const char* folder : {"scripts", ".ci", "k8s"}) {
        for (const fs::path& file : files_in(folder)) files.push_back(file);
    }
    files.insert(files.end(), {"CMakeLists.txt", "Dockerfile", "docker-compose.yml", "README.md"});
    for (const fs::path& file : files) {
        ASSERT_TRUE(fs::exists(kRoot / file)) << file;
        for (const Line& line : lines_of(file)) {
            for (const std::string& word : kUnfinished) {
                EXPECT_FALSE(has_word(line.text, word)) << line.where();
            }
        }
    }
}

TEST(Tidy, TestsWaitForAStateAndNotForATime) {
    for (const char* folder : {"tests", "sim"}) {
        for (const Line& line : source_lines(folder)) {
            if (kMaySleep.contains(line.file)) continue;
            for (const std::string& word : kSleeps) {
                EXPECT_EQ(line.code().find(word), std::string::npos) << line.where();
            }
        }
    }
}

TEST(Tidy, NoTestIsSwitchedOff) {
    for (const Line& line : source_lines("tests")) {
        for (const std::string& word : kSwitchedOff) {
            EXPECT_EQ(line.text.find(word), std::string::npos) << line.where();
        }
    }
}

TEST(Tidy, EveryFolderExplainsItself) {
    for (const std::string& folder : all_folders()) {
        if (files_in(folder).empty() || folder == ".ci") continue;
        EXPECT_TRUE(fs::exists(kRoot / folder / "README.md")) << folder;
    }
}

TEST(Tidy, ScriptsAreExecutableAndStopAtTheFirstError) {
    std::vector<fs::path> scripts = files_in("scripts");
    scripts.emplace_back(".ci/run");
    for (const fs::path& script : scripts) {
        const std::vector<Line> lines = lines_of(script);
        ASSERT_FALSE(lines.empty()) << script;
        if (!lines.front().text.starts_with("#!")) continue;
        const fs::perms bits = fs::status(kRoot / script).permissions();
        EXPECT_NE(bits & fs::perms::owner_exec, fs::perms::none) << script;
        if (!lines.front().text.ends_with("bash")) continue;
        const bool strict = std::any_of(lines.begin(), lines.end(), [](const Line& line) {
            return line.text == "set -euo pipefail";
        });
        EXPECT_TRUE(strict) << script;
    }
}

}  // namespace
