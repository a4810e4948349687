--- The current window: its width, and namespaces that only it shows.
local M = {}

local api = vim.api

--- Neovim 0.10 limits only extmarks with `scoped`, which later versions do not know.
---@type boolean?
M.scoped = api.nvim__win_add_ns ~= nil or nil

--- The window that each namespace is limited to.
---@type table<integer, integer>
local scoped_wins = {}

--- Limits a namespace to the current window: another one with the same buffer shows nothing.
--- Neovim's functions for this are not stable yet. Without them, all windows of the buffer show it.
---@param namespace integer
function M.scope(namespace)
  local win, before = api.nvim_get_current_win(), scoped_wins[namespace]
  if win == before then
    return
  end
  if api.nvim__ns_set then
    api.nvim__ns_set(namespace, { wins = { win } })
  elseif api.nvim__win_add_ns then -- Neovim 0.10
    if before and api.nvim_win_is_valid(before) then
      api.nvim__win_del_ns(before, namespace)
    end
    api.nvim__win_add_ns(win, namespace)
  end
  scoped_wins[namespace] = win
end

--- The width of the text, without signs and numbers.
---@return integer
function M.text_width()
  local info = vim.fn.getwininfo(api.nvim_get_current_win())[1]
  return math.max(info.width - info.textoff, 1)
end

return M
