--- Draws a suggestion as virtual text, and counts which of its lines are visible. A line counts only
--- if all of it is on screen, because accepting inserts visible lines only.
local text = require('foretell.text')
local window = require('foretell.window')

local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('foretell')
--- The share of the window kept above the cursor when the window scrolls for a suggestion.
local CONTEXT_SHARE = 1 / 4

---@class foretell.Layout           A suggestion in the current window.
---@field row integer               The cursor's row, 0-based.
---@field vcol integer              The cursor's screen column in its line, 0-based.
---@field first_width integer       The width of the first line.
---@field line_rows integer[]       How many screen rows each further line takes.
---@field max_lines integer         How many lines may be shown.

---@class foretell.DrawOptions
---@field is_overlay boolean        Whether the text covers the rest of the line.
---@field max_lines integer         How many lines may be shown.
---@field may_scroll boolean        Whether to scroll if there is too little room.

--- How many screen rows are free below the cursor's line, including its virtual text; negative if
--- the line does not end on screen.
---@param layout foretell.Layout
---@return integer
local function n_free_rows(layout)
  if vim.fn.foldclosed(layout.row + 1) ~= -1 then
    return -1
  end
  local from_cursor = api.nvim_win_text_height(0, {
    start_row = layout.row,
    start_vcol = layout.vcol,
    end_row = layout.row,
  })
  -- `winline()` scrolls to the cursor first, as the next redraw does. If the line fills its last
  -- row, the cursor is on the row below, and the text from the cursor on has no rows.
  return vim.fn.winheight(0) - (vim.fn.winline() + from_cursor.all - 1)
end

--- How many columns are free for the first line; without 'wrap', it ends at the window's edge.
---@param layout foretell.Layout
---@return integer
local function n_free_columns(layout)
  if vim.wo.wrap then
    return math.huge
  end
  return window.text_width() - (layout.vcol - vim.fn.winsaveview().leftcol)
end

---@param layout foretell.Layout
---@return integer n_lines how many lines are completely visible
local function n_visible_lines(layout)
  local n_rows = n_free_rows(layout)
  if n_rows < 0 or n_free_columns(layout) < 1 then
    return 0
  end
  for i, needed in ipairs(layout.line_rows) do
    n_rows = n_rows - needed
    if n_rows < 0 or i + 1 > layout.max_lines then
      return i
    end
  end
  return 1 + #layout.line_rows
end

--- Scrolls until all lines fit, or until the cursor's line has too little context above it.
---@param layout foretell.Layout
local function scroll(layout)
  local missing_columns = math.min(
    layout.first_width,
    math.ceil(window.text_width() * (1 - CONTEXT_SHARE))
  ) - n_free_columns(layout)
  if missing_columns > 0 then
    vim.fn.winrestview({ leftcol = vim.fn.winsaveview().leftcol + missing_columns })
  end
  local n_context = math.floor(vim.fn.winheight(0) * CONTEXT_SHARE)
  local n_wanted = math.min(1 + #layout.line_rows, layout.max_lines)
  while n_visible_lines(layout) < n_wanted and vim.fn.winline() > n_context + 1 do
    local topline = vim.fn.winsaveview().topline
    local next_line = math.max(topline, vim.fn.foldclosedend(topline)) + 1
    if next_line > layout.row + 1 then
      return
    end
    vim.fn.winrestview({ topline = next_line, topfill = 0, skipcol = 0 })
    vim.fn.winline() -- applies 'scrolloff', which may scroll back
    if vim.fn.winsaveview().topline <= topline then
      return
    end
  end
end

--- Splits a line into screen rows: virtual lines do not wrap, but the accepted text will.
---@param line string without tabs
---@return string[] rows at least one
local function wrapped(line)
  return vim.wo.wrap and text.wrapped(line, window.text_width()) or { line }
end

--- Removes the suggestion from a buffer.
---@param buf integer
function M.clear(buf)
  if api.nvim_buf_is_valid(buf) then
    api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

--- Draws a text at the cursor of the current window. Lines that do not fit are replaced by a note
--- with their number.
---@param remaining string
---@param options foretell.DrawOptions
---@return foretell.Layout layout
function M.draw(remaining, options)
  local buf = api.nvim_get_current_buf()
  M.clear(buf)
  window.scope(namespace)
  local at = api.nvim_win_get_cursor(0)
  local row, col = at[1] - 1, at[2]
  local tabstop, vcol = vim.bo[buf].tabstop, vim.fn.virtcol('.') - 1
  local lines = vim.split(remaining, '\n', { plain = true })
  for i, line in ipairs(lines) do
    lines[i] = text.expand_tabs(line, i == 1 and vcol or 0, tabstop)
  end
  local rows = vim.tbl_map(wrapped, vim.list_slice(lines, 2)) ---@type string[][]
  local layout = { ---@type foretell.Layout
    row = row,
    vcol = vcol,
    first_width = vim.fn.strdisplaywidth(lines[1]),
    line_rows = vim.tbl_map(function(it)
      return #it
    end, rows),
    max_lines = options.max_lines,
  }
  local is_wide = vim.wo.wrap
    and vcol % window.text_width() + layout.first_width > window.text_width()
  local has_cursorline = vim.wo.cursorline and vim.wo.cursorlineopt ~= 'number'
  local mark = { ---@type vim.api.keyset.set_extmark
    virt_text = {
      { lines[1], has_cursorline and { 'CursorLine', 'ForetellGhost' } or 'ForetellGhost' },
    },
    -- `overlay` covers the text that is replaced, but does not wrap; `inline` moves it to the right.
    virt_text_pos = options.is_overlay and not is_wide and 'overlay' or 'inline',
    -- Combined highlights would draw a suggestion before a bracket like MatchParen.
    hl_mode = 'replace',
    scoped = window.scoped,
  }
  mark.id = api.nvim_buf_set_extmark(buf, namespace, row, col, mark)
  if options.may_scroll then
    scroll(layout)
  end
  local n_visible = n_visible_lines(layout)
  local n_hidden = #lines - math.max(n_visible, 1)
  if #lines == 1 then
    return layout
  end
  local virt_lines = {} ---@type [string, string][][]
  for i = 1, n_visible - 1 do
    for _, part in ipairs(rows[i]) do
      virt_lines[#virt_lines + 1] = { { part, 'ForetellGhost' } }
    end
  end
  if n_hidden > 0 then
    local last = virt_lines[#virt_lines] or mark.virt_text
    local note = (' … +%d %s'):format(n_hidden, n_hidden == 1 and 'line' or 'lines')
    last[#last + 1] = { note, 'ForetellMore' }
  end
  mark.virt_lines = #virt_lines > 0 and virt_lines or nil
  api.nvim_buf_set_extmark(buf, namespace, row, col, mark)
  return layout
end

--- The part of a text that is visible in the current window: its first lines; nil if none is.
---@param remaining string
---@param layout foretell.Layout the layout in which the text was drawn
---@return string?
function M.visible_part(remaining, layout)
  local lines = vim.split(remaining, '\n', { plain = true })
  local part = table.concat(lines, '\n', 1, math.min(n_visible_lines(layout), #lines))
  return part ~= '' and part or nil
end

return M
