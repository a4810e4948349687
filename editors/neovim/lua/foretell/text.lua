--- Pieces of a suggestion, as text. Nothing here knows of buffers.
local M = {}

--- The first word of a text, with the white space before it. A run of signs is a word too.
---@param text string
---@return string
function M.first_word(text)
  return vim.fn.matchstr(text, [=[\v^\_s*%(\k+|[^[:keyword:][:space:]]+)?]=])
end

--- The first line of a text, with the line breaks before it.
---@param text string
---@return string
function M.first_line(text)
  return text:match('^\n*[^\n]*')
end

--- A text's length in UTF-16 code units.
---@param text string
---@return integer
function M.utf16_len(text)
  return vim.str_utfindex and vim.fn.has('nvim-0.11') == 1 and vim.str_utfindex(text, 'utf-16')
    or select(2, vim.str_utfindex(text))
end

--- A line as it is drawn: virtual text knows no tab stops.
---@param line string
---@param column integer where it starts on the screen, 0 the leftmost
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
