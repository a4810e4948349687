--- The settings of the plugin.
local M = {}

---@class foretell.Keys
---@field accept? string|false       Accept the suggestion; without one, jump to the next edit, then apply it.
---@field accept_word? string|false  Accept the suggestion's first word.
---@field accept_line? string|false  Accept the suggestion's first line.
---@field next? string|false         Show the next candidate.
---@field previous? string|false     Show the previous candidate.
---@field dismiss? string|false      Dismiss the suggestion; without one, reject the next edit.
---@field trigger? string|false      Request a suggestion, also where they are not automatic.
---@field next_edit? string|false    In normal mode: jump to the next edit, then apply it.
---@field reject_edit? string|false  In normal mode: reject the next edit.

---@class foretell.Config
---@field cmd string[]                      The server's command.
---@field settings table<string, any>       The server's settings (`foretell config --schema`).
---@field filetypes table<string, boolean>  Turn file types on or off; "*" stands for all others.
---@field keys foretell.Keys|false          Keys in insert and normal mode; `false` maps none.
---@field next_edit boolean                 Show the next place of a change; without it, a code action applies it.
---@field hide_with_menu "lines"|boolean    What to hide while a completion menu is open: the lines below the cursor, everything (true), or nothing (false).
---@field streaming boolean                 Show the first words early and let the suggestion grow.
---@field native boolean                    Use Neovim 0.12's `vim.lsp.inline_completion` display.

---@type foretell.Config
M.defaults = {
  cmd = { 'foretell', 'serve' },
  settings = {},
  filetypes = {},
  keys = {
    accept = '<Tab>',
    accept_word = '<M-Right>',
    accept_line = '<M-C-Right>',
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
    trigger = '<M-\\>',
    next_edit = '<Tab>',
    reject_edit = '<Esc>',
  },
  next_edit = true,
  hide_with_menu = 'lines',
  streaming = true,
  native = false,
}

---@type foretell.Config
M.current = vim.deepcopy(M.defaults)

--- Merges the user's settings into the defaults.
---@param given? table
function M.set(given)
  assert(given == nil or type(given) == 'table', 'foretell: setup() takes a table')
  for key in pairs(given or {}) do
    if M.defaults[key] == nil then
      error(('foretell: unknown setting %q; see :help foretell-settings'):format(key), 0)
    end
  end
  M.current = vim.tbl_deep_extend('force', vim.deepcopy(M.defaults), given or {})
end

--- Whether suggestions are on for a buffer's file type.
---@param buf integer
---@return boolean
function M.covers(buf)
  local is_covered = M.current.filetypes[vim.bo[buf].filetype]
  if is_covered == nil then
    is_covered = M.current.filetypes['*']
  end
  return is_covered ~= false
end

--- Whether `vim.g.foretell` and `vim.b.foretell` turn suggestions on in a buffer.
---@param buf integer
---@return boolean
function M.is_on(buf)
  return vim.g.foretell ~= false and vim.b[buf].foretell ~= false
end

return M
