--- What the user can set.
local M = {}

---@class foretell.Keys
---@field accept? string|false       Take all of it. Without a suggestion the key does what it did.
---@field accept_word? string|false  Take its first word.
---@field accept_line? string|false  Take its first line.
---@field next? string|false         Show the next one, where there are several.
---@field previous? string|false     Show the one before.
---@field dismiss? string|false      Take it off the screen.
---@field trigger? string|false      Ask for one, also where they do not come by themselves.

---@class foretell.Config
---@field cmd string[]                      How the server is started.
---@field settings table<string, any>       The server's own settings: `foretell config --schema`.
---@field filetypes table<string, boolean>  File types to leave out (`false`); "*" is every other one.
---@field keys foretell.Keys|false          Keys in insert mode; `false` maps none.
---@field hide_with_menu boolean            Hide the text while a completion menu is open.
---@field streaming boolean                 Show the first words early and let the text grow.
---@field native boolean                    Leave showing to Neovim 0.12's `vim.lsp.inline_completion`.

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
  },
  hide_with_menu = true,
  streaming = true,
  native = false,
}

---@type foretell.Config
M.current = vim.deepcopy(M.defaults)

--- Lays what the user says over the defaults.
---@param given? table
function M.set(given)
  assert(given == nil or type(given) == 'table', 'foretell: setup() takes a table')
  for key in pairs(given or {}) do
    if M.defaults[key] == nil then
      error(('foretell: no setting %q; see :help foretell-settings'):format(key), 0)
    end
  end
  M.current = vim.tbl_deep_extend('force', vim.deepcopy(M.defaults), given or {})
end

--- Whether a buffer is one to suggest in.
---@param buf integer
---@return boolean
function M.covers(buf)
  local on = M.current.filetypes[vim.bo[buf].filetype]
  if on == nil then
    on = M.current.filetypes['*']
  end
  return on ~= false
end

--- Whether suggestions are switched on in a buffer.
---@param buf integer
---@return boolean
function M.is_on(buf)
  return vim.g.foretell ~= false and vim.b[buf].foretell ~= false
end

return M
