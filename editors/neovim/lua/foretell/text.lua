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

return M
