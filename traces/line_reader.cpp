// SPDX-License-Identifier: Apache-2.0
#include "traces/line_reader.h"

#include "traces/input_error.h"

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace iommulab::traces {

namespace {

constexpr std::size_t longest_line_bytes = std::size_t{64} << 20;
constexpr std::size_t block_bytes = std::size_t{16} << 10;

/// An open file, or a pipe, of which the first two bytes have been looked at. Unlike a standard stream it tells a
/// failed read from the end.
class raw_file {
  public:
    explicit raw_file(const std::string& path) : path_(path), file_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
        if (file_.descriptor < 0) {
            throw input_error(path, 0, 0, std::strerror(errno), "a readable file");
        }
        std::error_code ignored;
        if (std::filesystem::is_directory(path, ignored)) {
            throw input_error(path, 0, 0, "a folder", "a file");
        }
        while (seen_ < head_.size()) {
            const std::size_t count = read_file(head_.data() + seen_, head_.size() - seen_);
            if (count == 0) {
                break;
            }
            seen_ += count;
        }
    }

    [[nodiscard]] bool empty() const { return seen_ == 0; }
    [[nodiscard]] bool is_gzip() const { return seen_ == 2 && head_[0] == '\x1f' && head_[1] == '\x8b'; }

    /// 0 at the end.
    std::size_t read(char* out, std::size_t bytes) {
        if (used_ == seen_) {
            return read_file(out, bytes);
        }
        const std::size_t count = std::min(bytes, seen_ - used_);
        std::copy_n(head_.data() + used_, count, out);
        used_ += count;
        return count;
    }

  private:
    struct open_file {
        int descriptor;
        ~open_file() {
            if (descriptor >= 0) {
                ::close(descriptor);
            }
        }
    };

    std::size_t read_file(char* out, std::size_t bytes) const {
        ssize_t count = 0;
        do {
            count = ::read(file_.descriptor, out, bytes);
        } while (count < 0 && errno == EINTR);
        if (count < 0) {
            throw input_error(path_, 0, 0, std::string("a read error: ") + std::strerror(errno), "a readable file");
        }
        return static_cast<std::size_t>(count);
    }

    std::string path_;
    open_file file_;
    std::array<char, 2> head_{};
    std::size_t seen_ = 0;
    std::size_t used_ = 0;
};

/// What the decompressor reads from.
class compressed_source {
  public:
    using char_type = char;
    using category = boost::iostreams::source_tag;
    explicit compressed_source(raw_file& file) : file_(&file) {}
    std::streamsize read(char* out, std::streamsize bytes) {
        const std::size_t count = file_->read(out, static_cast<std::size_t>(bytes));
        return count == 0 ? -1 : static_cast<std::streamsize>(count);
    }

  private:
    raw_file* file_;
};

std::string mebibytes(std::uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MiB";
}

} // namespace

struct line_reader::stream {
    explicit stream(const std::string& path) : file(path) {
        if (file.is_gzip()) {
            decompressed.push(boost::iostreams::gzip_decompressor());
            decompressed.push(compressed_source(file));
        } else if (path.ends_with(".gz")) {
            throw input_error(path, 0, 0, file.empty() ? "an empty file" : "no gzip header",
                              "gzip data, as the name says");
        }
    }

    /// Takes what the source has at hand, so that nothing in front of damaged data is lost. False at the end of the
    /// data.
    bool fill() {
        used = filled = 0;
        if (!file.is_gzip()) {
            filled = file.read(block.data(), block.size());
            return filled != 0;
        }
        if (decompressed.sgetc() == std::char_traits<char>::eof()) {
            return false;
        }
        const auto at_hand = std::max<std::streamsize>(decompressed.in_avail(), 1);
        filled = static_cast<std::size_t>(
            decompressed.sgetn(block.data(), std::min(at_hand, static_cast<std::streamsize>(block.size()))));
        return filled != 0;
    }

    raw_file file;
    boost::iostreams::filtering_istreambuf decompressed;
    std::array<char, block_bytes> block;
    std::size_t used = 0;
    std::size_t filled = 0;
};

line_reader::line_reader(std::string path, std::uint64_t largest_bytes)
    : path_(std::move(path)), largest_bytes_(largest_bytes), stream_(std::make_unique<stream>(path_)) {}

line_reader::~line_reader() = default;
line_reader::line_reader(line_reader&&) noexcept = default;
line_reader& line_reader::operator=(line_reader&&) noexcept = default;

bool line_reader::next(std::string& text) {
    text.clear();
    stream& in = *stream_;
    bool ended = false;
    try {
        while (!ended && (in.used != in.filled || in.fill())) {
            const char* const from = in.block.data() + in.used;
            const std::size_t available = in.filled - in.used;
            const void* const end = std::memchr(from, '\n', available);
            ended = end != nullptr;
            const std::size_t count =
                ended ? static_cast<std::size_t>(static_cast<const char*>(end) - from) : available;
            in.used += count + (ended ? 1 : 0);
            bytes_ += count + (ended ? 1 : 0);
            if (bytes_ > largest_bytes_) {
                throw input_error(path_, line_ + 1, 0, "more than " + mebibytes(largest_bytes_) + " of text",
                                  "a smaller file");
            }
            if (text.size() + count > longest_line_bytes) {
                throw input_error(path_, line_ + 1, 0, "a line beyond " + mebibytes(longest_line_bytes),
                                  "lines of text");
            }
            text.append(from, count);
        }
    } catch (const boost::iostreams::gzip_error&) {
        throw input_error(path_, line_ + 1, 0, "compressed data that is damaged or ends early", "a complete gzip file");
    }
    if (text.empty() && !ended) {
        return false;
    }
    if (line_++ == 0 && text.starts_with("\xef\xbb\xbf")) {
        text.erase(0, 3);
    }
    if (ended && text.ends_with('\r')) {
        text.pop_back();
    }
    return true;
}

std::string read_text(const std::string& path, std::uint64_t largest_bytes) {
    line_reader in(path, largest_bytes);
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
