// SPDX-License-Identifier: Apache-2.0
#include "traces/line_reader.h"

#include "traces/input_error.h"

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

namespace iommulab::traces {

namespace {

constexpr std::size_t longest_line_bytes = std::size_t{64} << 20;
constexpr std::size_t block_bytes = std::size_t{16} << 10;

} // namespace

struct line_reader::stream {
    std::ifstream file;
    boost::iostreams::filtering_istreambuf decompressed;
    std::streambuf* source = nullptr;
    std::array<char, block_bytes> block;
    std::size_t used = 0;
    std::size_t filled = 0;

    /// Takes what the source has at hand, so that nothing in front of damaged data is lost. False at the end of the
    /// data.
    bool fill() {
        used = filled = 0;
        if (source->sgetc() == std::char_traits<char>::eof()) {
            return false;
        }
        const auto at_hand = std::max<std::streamsize>(source->in_avail(), 1);
        filled = static_cast<std::size_t>(
            source->sgetn(block.data(), std::min(at_hand, static_cast<std::streamsize>(block.size()))));
        return filled != 0;
    }
};

line_reader::line_reader(std::string path) : path_(std::move(path)), stream_(std::make_unique<stream>()) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path_, ignored)) {
        throw input_error(path_, 0, 0, "a folder", "a file");
    }
    stream_->file.open(path_, std::ios::binary);
    if (!stream_->file) {
        throw input_error(path_, 0, 0, std::strerror(errno), "a readable file");
    }
    char magic[2] = {};
    stream_->file.read(magic, sizeof magic);
    const bool compressed = stream_->file.gcount() == 2 && magic[0] == '\x1f' && magic[1] == '\x8b';
    stream_->file.clear();
    stream_->file.seekg(0);
    if (compressed) {
        stream_->decompressed.push(boost::iostreams::gzip_decompressor());
        stream_->decompressed.push(stream_->file);
        stream_->source = &stream_->decompressed;
    } else {
        if (path_.ends_with(".gz") && std::filesystem::file_size(path_, ignored) != 0) {
            throw input_error(path_, 0, 0, "no gzip header", "gzip data, as the name says");
        }
        if (path_.ends_with(".gz")) {
            throw input_error(path_, 0, 0, "an empty file", "gzip data, as the name says");
        }
        stream_->source = stream_->file.rdbuf();
    }
}

line_reader::~line_reader() = default;
line_reader::line_reader(line_reader&&) noexcept = default;
line_reader& line_reader::operator=(line_reader&&) noexcept = default;

bool line_reader::next(std::string& text) {
    text.clear();
    stream& in = *stream_;
    try {
        while (in.used != in.filled || in.fill()) {
            const char* const from = in.block.data() + in.used;
            const std::size_t available = in.filled - in.used;
            const void* const end = std::memchr(from, '\n', available);
            const std::size_t count =
                end != nullptr ? static_cast<std::size_t>(static_cast<const char*>(end) - from) : available;
            if (text.size() + count > longest_line_bytes) {
                throw input_error(path_, line_ + 1, 0, "a line beyond 64 MiB", "lines of text");
            }
            text.append(from, count);
            in.used += count;
            if (end != nullptr) {
                ++in.used;
                ++line_;
                if (!text.empty() && text.back() == '\r') {
                    text.pop_back();
                }
                return true;
            }
        }
    } catch (const boost::iostreams::gzip_error&) {
        throw input_error(path_, line_ + 1, 0, "compressed data that is damaged or ends early", "a complete gzip file");
    } catch (const std::ios_base::failure& failure) {
        throw input_error(path_, line_ + 1, 0, failure.what(), "a readable file");
    }
    if (text.empty()) {
        return false;
    }
    ++line_;
    return true;
}

std::string read_text(const std::string& path) {
    line_reader in(path);
    std::string text;
    std::string line;
    while (in.next(line)) {
        text += line;
        text += '\n';
    }
    return text;
}

std::string find_plain_or_gz(const std::string& folder, const std::string& name) {
    std::error_code ignored;
    for (const std::string& candidate : {folder + '/' + name, folder + '/' + name + ".gz"}) {
        if (std::filesystem::exists(candidate, ignored)) {
            return candidate;
        }
    }
    return {};
}

} // namespace iommulab::traces
