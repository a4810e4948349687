--- Text functions for suggestions, independent of buffers.
local M = {}

--- The first word of a text and the whitespace before it. A run of punctuation is a word too.
---@param text string
---@return string
function M.first_word(text)
  return vim.fn.matchstr(text, [=[\v^\_s*%(\k+|[^[:keyword:][:space:]]+)?]=])
end

--- The first non-empty line of a text and the line breaks before it.
---@param text string
---@return string
function M.first_line(text)
  return text:match('^\n*[^\n]*')
end

--- The length of a text in UTF-16 code units.
---@param text string
---@return integer
function M.utf16_len(text)
  return vim.str_utfindex and vim.fn.has('nvim-0.11') == 1 and vim.str_utfindex(text, 'utf-16')
    or select(2, vim.str_utfindex(text))
end

--- The byte index of a position in a line.
---@param line string
---@param index integer in code units of the encoding; may be beyond the end
---@param encoding string of positions: utf-8, utf-16 or utf-32
---@return integer
function M.byte_index(line, index, encoding)
  if encoding == 'utf-8' then
    return math.min(index, #line)
  elseif vim.fn.has('nvim-0.11') == 1 then
    return vim.str_byteindex(line, encoding, index, false)
  end
  local is_valid, byte_idx = pcall(vim.str_byteindex, line, index, encoding == 'utf-16')
  return is_valid and byte_idx or #line
end

--- How many bytes after the cursor a suggestion replaces now. Since its request, typing may have
--- added closing brackets and quotes there, or moved over those that it replaces.
---@param after string the text after the cursor at the request
---@param now string the text after the cursor now
---@param n_replaced integer how many bytes of `after` the suggestion replaces
---@param remaining string the part of the suggestion that is not typed yet
---@return integer? n_bytes nil if the suggestion does not fit any more
function M.n_replaced_now(after, now, n_replaced, remaining)
  local n_added = #now - #after
  if n_added <= 0 then
    return -n_added <= n_replaced and vim.endswith(after, now) and n_replaced + n_added or nil
  end
  local added = now:sub(1, n_added)
  if not vim.endswith(now, after) or not added:match([[^[%)%]}>"'`]+$]]) then
    return nil
  end
  -- The suggestion replaces closers that it contains, and is inserted before the others.
  local from = 1
  for closer in added:gmatch('.') do
    from = (remaining:find(closer, from, true) or #remaining) + 1
    if from > #remaining + 1 or remaining:sub(from - 1, from - 1) ~= closer then
      return after == '' and 0 or nil
    end
  end
  return n_added + n_replaced
end

--- Replaces tabs by spaces up to the next tab stop: virtual text has no tab stops.
---@param line string
---@param column integer the screen column where the line starts, 0-based
---@param tabstop integer
---@return string
function M.expand_tabs(line, column, tabstop)
  local expanded = line:gsub('([^\t]*)\t', function(before)
    column = column + vim.fn.strdisplaywidth(before)
    local n_spaces = tabstop - column % tabstop
    column = column + n_spaces
    return before .. (' '):rep(n_spaces)
  end)
  return expanded
end

--- Splits a line into rows of a width.
---@param line string without tabs
---@param width integer
---@return string[] rows at least one
function M.wrapped(line, width)
  if vim.fn.strdisplaywidth(line) <= width then
    return { line }
  end
  local rows, row, n_columns = {}, {}, 0
  for _, char in ipairs(vim.fn.split(line, [[\zs]])) do
    local char_columns = vim.fn.strdisplaywidth(char)
    if n_columns + char_columns > width then
      rows[#rows + 1], row, n_columns = table.concat(row), {}, 0
    end
    row[#row + 1], n_columns = char, n_columns + char_columns
  end
  rows[#rows + 1] = table.concat(row)
  return rows
end

return M
