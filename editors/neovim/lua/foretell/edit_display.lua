--- Draws the next edit: the old text struck through, the new text next to it or below, and a hint at
--- the cursor if the edit is not on screen.
local text = require('foretell.text')
local window = require('foretell.window')

local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('foretell.edit')

---@class foretell.EditPlace  The range that an edit replaces: rows, and columns in bytes, 0-based.
---@field row integer
---@field col integer
---@field end_row integer
---@field end_col integer

--- Removes the edit and the hint from a buffer.
---@param buf integer
function M.clear(buf)
  if api.nvim_buf_is_valid(buf) then
    api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

---@param buf integer
---@param row integer
---@param col integer
---@param mark vim.api.keyset.set_extmark
local function set_mark(buf, row, col, mark)
  mark.scoped = window.scoped
  api.nvim_buf_set_extmark(buf, namespace, row, col, mark)
end

--- Whether the old text of an edit is on screen in the current window; if it has several lines,
--- whether it starts there.
---@param place foretell.EditPlace
---@return boolean
function M.is_on_screen(place)
  local lnum = place.row + 1
  local last_col = place.row == place.end_row and math.max(place.end_col, place.col + 1)
    or place.col + 1
  local function is_visible(col)
    return vim.fn.screenpos(0, lnum, col).row > 0
  end
  -- `line('w$')` scrolls to the cursor first, as the next redraw does.
  return lnum <= vim.fn.line('w$')
    and lnum >= vim.fn.line('w0')
    and vim.fn.foldclosed(lnum) == -1
    and is_visible(place.col + 1)
    and is_visible(last_col)
end

--- Scrolls to the right until the old and the new text are on screen, if the cursor is before them.
---@param place foretell.EditPlace
---@param new string
function M.scroll(place, new)
  if vim.wo.wrap or place.row ~= place.end_row then
    return
  end
  local view = vim.fn.winsaveview()
  local end_vcol = vim.fn.virtcol({ place.row + 1, place.end_col }) + vim.fn.strdisplaywidth(new)
  local max_leftcol = vim.fn.virtcol('.') - 1 -- the cursor's column
  local leftcol = math.min(end_vcol - window.text_width(), max_leftcol)
  if leftcol > view.leftcol then
    vim.fn.winrestview({ leftcol = leftcol })
  end
end

--- The lines that replace those that an edit touches. For an insertion of whole lines, only the new
--- ones: they are drawn above or below the line at which they are inserted.
---@param touched string[] the lines from its first to its last row
---@param place foretell.EditPlace
---@param new string[] the lines of the new text
---@return [string, string?][][] lines in parts with highlight groups
---@return boolean is_above
function M.new_lines(touched, place, new)
  local before = touched[1]:sub(1, place.col)
  local after = touched[#touched]:sub(place.end_col + 1)
  local lines = {} ---@type [string, string?][][]
  for i, line in ipairs(new) do
    lines[i] = { { line, 'ForetellEditNew' } }
    if i == 1 and before ~= '' then
      table.insert(lines[i], 1, { before })
    end
    if i == #new and after ~= '' then
      table.insert(lines[i], { after })
    end
  end
  local is_insertion = place.row == place.end_row and place.col == place.end_col
  local is_above = is_insertion and before == '' and new[#new] == ''
  if is_above then
    table.remove(lines)
  elseif is_insertion and after == '' and new[1] == '' then
    table.remove(lines, 1)
  end
  return lines, is_above
end

--- An edit without the line break that both its old and its new text end with, or start with.
---@param touched string[] the lines from its first to its last row
---@param place foretell.EditPlace
---@param new string
---@return foretell.EditPlace place, string new
function M.without_shared_break(touched, place, new)
  if place.row == place.end_row then
    return place, new
  end
  local trimmed = vim.deepcopy(place)
  if place.end_col == 0 and new:sub(-1) == '\n' then
    trimmed.end_row, trimmed.end_col = place.end_row - 1, #touched[#touched - 1]
    return trimmed, new:sub(1, -2)
  elseif place.col == #touched[1] and new:sub(1, 1) == '\n' then
    trimmed.row, trimmed.col = place.row + 1, 0
    return trimmed, new:sub(2)
  end
  return place, new
end

---@param lines [string, string?][][]
---@param tabstop integer
local function expand_tabs(lines, tabstop)
  for _, parts in ipairs(lines) do
    local column = 0
    for _, part in ipairs(parts) do
      part[1] = text.expand_tabs(part[1], column, tabstop)
      column = column + vim.fn.strdisplaywidth(part[1])
    end
  end
end

--- Draws an edit of the current window's buffer.
---@param place foretell.EditPlace
---@param new string
---@param hint? string at the end of the cursor's line
function M.draw(place, new, hint)
  local buf = api.nvim_get_current_buf()
  M.clear(buf)
  window.scope(namespace)
  local function touched_lines()
    return api.nvim_buf_get_lines(buf, place.row, place.end_row + 1, false)
  end
  place, new = M.without_shared_break(touched_lines(), place, new)
  if place.row ~= place.end_row or place.col ~= place.end_col then
    for _, group in ipairs({ 'ForetellEditOld', 'ForetellEditStruck' }) do
      set_mark(buf, place.row, place.col, {
        end_row = place.end_row,
        end_col = place.end_col,
        hl_group = group,
      })
    end
  end
  local lines, tabstop = vim.split(new, '\n', { plain = true }), vim.bo[buf].tabstop
  if place.row == place.end_row and #lines == 1 then
    local vcol = vim.fn.virtcol({ place.row + 1, place.end_col })
    set_mark(buf, place.end_row, place.end_col, {
      virt_text = { { text.expand_tabs(lines[1], vcol, tabstop), 'ForetellEditNew' } },
      virt_text_pos = 'inline',
    })
  elseif new ~= '' then
    local new_lines, is_above = M.new_lines(touched_lines(), place, lines)
    expand_tabs(new_lines, tabstop)
    local row = is_above and place.row or place.end_row
    set_mark(buf, row, 0, { virt_lines = new_lines, virt_lines_above = is_above })
  end
  if hint then
    local row = api.nvim_win_get_cursor(0)[1] - 1
    set_mark(buf, row, 0, {
      virt_text = { { hint, 'ForetellEditHint' } },
      virt_text_pos = 'eol',
      hl_mode = 'combine',
    })
  end
end

return M
